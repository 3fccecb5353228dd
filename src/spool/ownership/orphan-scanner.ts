/** Watches the partitions of other processes: which of them are left, and what they take on disk. */

import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { SpoolSettings } from '../../options/spool-settings.ts';
import { codeOf, isMissing, type SpoolFiles } from '../format/file-system.ts';
import { FORMAT_VERSION } from '../format/layout.ts';
import { isMovingName, isPartitionName, LEASE_NAME, QUARANTINE_NAME } from '../format/names.ts';
import { expiryMillis, parseLease } from './lease.ts';

/** A partition that nobody holds. */
export interface OrphanedPartition {
  readonly name: string;
  /** What its lease was when it was taken to be left; undefined when it has none. */
  readonly lease: Buffer | undefined;
}

export interface PartitionScan {
  readonly orphans: readonly OrphanedPartition[];
  /** What there is in the directory besides this process's own partitions. */
  readonly otherBytes: number;
  /** Names of partitions with a lease of a newer version. */
  readonly newer: readonly string[];
}

/** A lease as it was seen, and since when it has been so. */
interface Observation {
  readonly lease: Buffer | undefined;
  readonly since: number;
}

export class OrphanScanner {
  readonly #settings: Pick<SpoolSettings, 'directory' | 'leaseMillis'>;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  #observations = new Map<string, Observation>();

  constructor(settings: Pick<SpoolSettings, 'directory' | 'leaseMillis'>, clock: Clock, files: SpoolFiles) {
    this.#settings = settings;
    this.#clock = clock;
    this.#files = files;
  }

  /** @throws what the file system does, when the directory cannot be read. */
  async scan(isOwn: (name: string) => boolean): Promise<PartitionScan> {
    const { directory } = this.#settings;
    const names = await this.#files.readdir(directory);
    const observations = new Map<string, Observation>();
    const orphans: OrphanedPartition[] = [];
    const newer: string[] = [];
    let otherBytes = names.includes(QUARANTINE_NAME) ? await this.#bytesIn(QUARANTINE_NAME) : 0;
    for (const name of names) {
      if ((!isPartitionName(name) && !isMovingName(name)) || isOwn(name)) continue;
      otherBytes += await this.#bytesIn(name);
      const lookedAt = this.#clock.now();
      const observation = await this.#observe(name);
      if (observation === undefined) continue;
      observations.set(name, observation);
      const info = observation.lease && parseLease(observation.lease);
      if (info !== undefined && info.format > FORMAT_VERSION) newer.push(name);
      else if (this.#isOrphaned(name, observation, lookedAt))
        orphans.push({ name, lease: observation.lease });
    }
    this.#observations = observations;
    return { orphans: orphans, otherBytes, newer };
  }

  /** Undefined when there is no such directory (any more). */
  async #observe(name: string): Promise<Observation | undefined> {
    const lease = await readLease(join(this.#settings.directory, name), this.#files);
    if (lease === 'none') return undefined;
    const before = this.#observations.get(name);
    if (before !== undefined && isSameLease(before.lease, lease)) return before;
    // Not when it was looked for: what was seen then may have been written since.
    return { lease, since: this.#clock.now() };
  }

  #isOrphaned(name: string, { lease, since }: Observation, lookedAt: number): boolean {
    if (lease === undefined && isPartitionName(name)) return true;
    const info = lease && parseLease(lease);
    return lookedAt - since >= expiryMillis(info, this.#settings.leaseMillis);
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
 * What a partition's lease is now: undefined when it has none, no bytes when it cannot be read, and `none` when there is
 * no such partition.
 */
export async function readLease(partition: string, files: SpoolFiles): Promise<Buffer | undefined | 'none'> {
  try {
    return await files.readFile(join(partition, LEASE_NAME));
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return 'none';
    if (!isMissing(error)) return Buffer.alloc(0);
  }
  const isThere = await files.stat(partition).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
  return isThere ? undefined : 'none';
}

export function isSameLease(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}
