/** Watches the shelves of other processes: which of them are left, and what they take on disk. */

import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { SpoolSettings } from '../../options/spool-settings.ts';
import { codeOf, isMissing, type SpoolFiles } from '../format/file-system.ts';
import { FORMAT_VERSION } from '../format/layout.ts';
import { DAMAGED_NAME, isMovingName, isShelfName, LEASE_NAME } from '../format/names.ts';
import { parseLease, silenceMillis } from './lease.ts';

/** A shelf that nobody holds. */
export interface LeftShelf {
  readonly name: string;
  /** What its lease was when it was taken to be left; undefined when it has none. */
  readonly lease: Buffer | undefined;
}

export interface ShelfSurvey {
  readonly left: readonly LeftShelf[];
  /** What there is in the directory besides this process's own shelves. */
  readonly otherBytes: number;
  /** Names of shelves with a lease of a newer version. */
  readonly newer: readonly string[];
}

/** A lease as it was seen, and since when it has been so. */
interface Sight {
  readonly lease: Buffer | undefined;
  readonly since: number;
}

export class ShelfWatch {
  readonly #settings: Pick<SpoolSettings, 'directory' | 'leaseMillis'>;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  #sights = new Map<string, Sight>();

  constructor(settings: Pick<SpoolSettings, 'directory' | 'leaseMillis'>, clock: Clock, files: SpoolFiles) {
    this.#settings = settings;
    this.#clock = clock;
    this.#files = files;
  }

  /** @throws what the file system does, when the directory cannot be read. */
  async look(isOwn: (name: string) => boolean): Promise<ShelfSurvey> {
    const { directory } = this.#settings;
    const names = await this.#files.readdir(directory);
    const sights = new Map<string, Sight>();
    const left: LeftShelf[] = [];
    const newer: string[] = [];
    let otherBytes = names.includes(DAMAGED_NAME) ? await this.#bytesIn(DAMAGED_NAME) : 0;
    for (const name of names) {
      if ((!isShelfName(name) && !isMovingName(name)) || isOwn(name)) continue;
      otherBytes += await this.#bytesIn(name);
      const lookedAt = this.#clock.now();
      const sight = await this.#look(name);
      if (sight === undefined) continue;
      sights.set(name, sight);
      const info = sight.lease && parseLease(sight.lease);
      if (info !== undefined && info.format > FORMAT_VERSION) newer.push(name);
      else if (this.#isLeft(name, sight, lookedAt)) left.push({ name, lease: sight.lease });
    }
    this.#sights = sights;
    return { left, otherBytes, newer };
  }

  /** Undefined when there is no such directory (any more). */
  async #look(name: string): Promise<Sight | undefined> {
    const lease = await readLease(join(this.#settings.directory, name), this.#files);
    if (lease === 'none') return undefined;
    const before = this.#sights.get(name);
    if (before !== undefined && isSameLease(before.lease, lease)) return before;
    // Not when it was looked for: what was seen then may have been written since.
    return { lease, since: this.#clock.now() };
  }

  #isLeft(name: string, { lease, since }: Sight, lookedAt: number): boolean {
    if (lease === undefined && isShelfName(name)) return true;
    const info = lease && parseLease(lease);
    return lookedAt - since >= silenceMillis(info, this.#settings.leaseMillis);
  }

  async #bytesIn(name: string): Promise<number> {
    const directory = join(this.#settings.directory, name);
    let bytes = 0;
    for (const file of await this.#files.readdir(directory).catch((): string[] => [])) {
      const stat = await this.#files.stat(join(directory, file)).catch(() => undefined);
      bytes += stat?.size ?? 0;
    }
    return bytes;
  }
}

/**
 * What a shelf's lease is now: undefined when it has none, no bytes when it cannot be read, and `none` when there is
 * no such shelf.
 */
export async function readLease(shelf: string, files: SpoolFiles): Promise<Buffer | undefined | 'none'> {
  try {
    return await files.readFile(join(shelf, LEASE_NAME));
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return 'none';
    if (!isMissing(error)) return Buffer.alloc(0);
  }
  const isThere = await files.stat(shelf).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
  return isThere ? undefined : 'none';
}

export function isSameLease(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}
