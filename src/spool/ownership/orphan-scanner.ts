/** Scans the partitions of other processes for orphans and for their size on disk. */

import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { SpoolSettings } from '../../options/spool-settings.ts';
import type { SpoolFiles } from '../format/file-system.ts';
import { FORMAT_VERSION } from '../format/layout.ts';
import { isMovingName, isPartitionName, QUARANTINE_NAME } from '../format/names.ts';
import { LeaseObserver, type ObservedLease } from './lease-observer.ts';
import { Pauses } from './pauses.ts';

/** A partition without a living owner, and the lease by which that was decided. */
export type OrphanedPartition = Pick<ObservedLease, 'name' | 'lease'>;

export interface PartitionScan {
  readonly orphans: readonly OrphanedPartition[];
  /** Bytes of other processes' partitions and of the quarantine. */
  readonly otherBytes: number;
  /** Whether any partition has a lease of a newer format. */
  readonly hasNewer: boolean;
}

export class OrphanScanner {
  readonly #directory: string;
  readonly #files: SpoolFiles;
  readonly #leases: LeaseObserver;
  readonly #pauses: Pauses;

  constructor(
    { directory, leaseMillis }: Pick<SpoolSettings, 'directory' | 'leaseMillis'>,
    clock: Clock,
    files: SpoolFiles,
  ) {
    this.#directory = directory;
    this.#files = files;
    this.#pauses = new Pauses(clock);
    this.#leases = new LeaseObserver(directory, leaseMillis, clock, files, this.#pauses);
  }

  async scan(isOwn: (name: string) => boolean): Promise<PartitionScan> {
    const names = await this.#files.readdir(this.#directory);
    const others = names.filter((name) => (isPartitionName(name) || isMovingName(name)) && !isOwn(name));
    let otherBytes = 0;
    const known = new Set(names);
    for (const name of [...others, QUARANTINE_NAME]) {
      if (known.has(name)) otherBytes += await this.#bytesIn(name);
      await this.#pauses.afterPartition();
    }
    const observed = await this.#leases.observe(others);
    const readable = observed.filter(({ info }) => info === undefined || info.format <= FORMAT_VERSION);
    return {
      orphans: readable.filter(({ state }) => state === 'free'),
      otherBytes,
      hasNewer: readable.length < observed.length,
    };
  }

  async #bytesIn(name: string): Promise<number> {
    const directory = join(this.#directory, name);
    let bytes = 0;
    for (const file of await this.#files.readdir(directory).catch((): string[] => [])) {
      const stat = await this.#files.stat(join(directory, file)).catch(() => undefined);
      bytes += stat?.size ?? 0;
    }
    return bytes;
  }
}
