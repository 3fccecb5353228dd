/** Looks through the partitions of other processes: which of them nobody holds, and what they take on disk. */

import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { SpoolSettings } from '../../options/spool-settings.ts';
import type { SpoolFiles } from '../format/file-system.ts';
import { FORMAT_VERSION } from '../format/layout.ts';
import { isMovingName, isPartitionName, QUARANTINE_NAME } from '../format/names.ts';
import { LeaseObserver, type ObservedLease } from './lease-observer.ts';

/** A partition that nobody holds, and its lease when it was taken to be left. */
export type OrphanedPartition = Pick<ObservedLease, 'name' | 'lease'>;

export interface PartitionScan {
  readonly orphans: readonly OrphanedPartition[];
  /** What there is in the directory besides this process's own partitions. */
  readonly otherBytes: number;
  /** Whether there is a partition with a lease of a newer version. */
  readonly hasNewer: boolean;
}

export class OrphanScanner {
  readonly #directory: string;
  readonly #files: SpoolFiles;
  readonly #leases: LeaseObserver;

  constructor(
    { directory, leaseMillis }: Pick<SpoolSettings, 'directory' | 'leaseMillis'>,
    clock: Clock,
    files: SpoolFiles,
  ) {
    this.#directory = directory;
    this.#files = files;
    this.#leases = new LeaseObserver(directory, leaseMillis, clock, files);
  }

  /** @throws what the file system does, when the directory cannot be read. */
  async scan(isOwn: (name: string) => boolean): Promise<PartitionScan> {
    const names = await this.#files.readdir(this.#directory);
    const others = names.filter((name) => (isPartitionName(name) || isMovingName(name)) && !isOwn(name));
    let otherBytes = 0;
    for (const name of [...others, QUARANTINE_NAME]) {
      if (names.includes(name)) otherBytes += await this.#bytesIn(name);
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
