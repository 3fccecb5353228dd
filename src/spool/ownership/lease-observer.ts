/** Observes the leases of other processes over time, and finds orphans: only a lease that changes proves a living owner. */

import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { SpoolSettings } from '../../options/option-groups.ts';
import { codeOf, isDirectory, isMissing, type SpoolFiles } from '../format/file-system.ts';
import {
  FORMAT_VERSION,
  isMovingName,
  isPartitionName,
  LEASE_NAME,
  QUARANTINE_NAME,
} from '../format/layout.ts';
import { expiryMillis, type LeaseInfo, MAX_LEASE_BYTES, parseLease } from './lease.ts';

/**
 * - `free`: no lease, or unchanged until it expired.
 * - `silent`: unchanged so far, but not observed for long enough.
 * - `alive`: seen to change, and not expired since.
 */
export type HolderState = 'free' | 'silent' | 'alive';

export interface ObservedLease {
  readonly name: string;
  readonly state: HolderState;
  /** Contents of the file; undefined without a file, empty if it cannot be read. */
  readonly lease: Buffer | undefined;
  /** Undefined if it cannot be parsed. */
  readonly info: LeaseInfo | undefined;
  readonly expiryMillis: number;
}

interface Observation {
  readonly lease: Buffer | undefined;
  /** When this content was first seen. */
  readonly since: number;
  /** Whether another content was seen before. */
  readonly hasChanged: boolean;
}

/** Calls keep the process alive, and there may be thousands of partitions. */
const PARTITIONS_BETWEEN_PAUSES = 8;
/** A timer that does not keep the process alive. */
const PAUSE_MILLIS = 1;

/** Pauses in long series of calls to the file system, in which a finished process can end. */
export class Pauses {
  readonly #clock: Pick<Clock, 'timer'>;
  #partitions = 0;

  constructor(clock: Pick<Clock, 'timer'>) {
    this.#clock = clock;
  }

  /** Call it after each partition. */
  async afterPartition(): Promise<void> {
    if (++this.#partitions % PARTITIONS_BETWEEN_PAUSES > 0) return;
    await new Promise<void>((resolve) => void this.#clock.timer(resolve, PAUSE_MILLIS));
  }
}

export class LeaseObserver {
  readonly #directory: string;
  /** Default for leases without a duration. */
  readonly #leaseMillis: number;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  #observations = new Map<string, Observation>();

  constructor(directory: string, leaseMillis: number, clock: Clock, files: SpoolFiles) {
    this.#directory = directory;
    this.#leaseMillis = leaseMillis;
    this.#clock = clock;
    this.#files = files;
  }

  /**
   * Reads the leases of these partitions and forgets all others. Missing partitions are left out.
   * @param pauses in which the process may end. Default: none.
   */
  async observe(names: readonly string[], pauses?: Pauses): Promise<ObservedLease[]> {
    const observations = new Map<string, Observation>();
    const observed: ObservedLease[] = [];
    for (const name of names) {
      await pauses?.afterPartition();
      const lookedAt = this.#clock.now();
      const lease = await readLease(join(this.#directory, name), this.#files);
      if (lease === 'none') continue;
      const observation = this.#observation(name, lease);
      observations.set(name, observation);
      observed.push(this.#observed(name, observation, lookedAt));
    }
    this.#observations = observations;
    return observed;
  }

  #observation(name: string, lease: Buffer | undefined): Observation {
    const before = this.#observations.get(name);
    if (before !== undefined && isSameLease(before.lease, lease)) return before;
    // Not `lookedAt`: the lease may have been written between that time and the read.
    return { lease, since: this.#clock.now(), hasChanged: before !== undefined };
  }

  #observed(name: string, { lease, since, hasChanged }: Observation, lookedAt: number): ObservedLease {
    const info = lease && parseLease(lease);
    const expiry = expiryMillis(info, this.#leaseMillis);
    // A partition under a temporary name without a lease is about to get one.
    const isFree = (lease === undefined && isPartitionName(name)) || lookedAt - since >= expiry;
    const state = isFree ? 'free' : hasChanged ? 'alive' : 'silent';
    return { name, state, lease, info, expiryMillis: expiry };
  }
}

/** @returns the lease; undefined without one, no bytes if it cannot be read, `none` if there is no such partition. */
export async function readLease(partition: string, files: SpoolFiles): Promise<Buffer | undefined | 'none'> {
  try {
    return await files.readFile(join(partition, LEASE_NAME), MAX_LEASE_BYTES);
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return 'none';
    if (!isMissing(error)) return Buffer.alloc(0);
  }
  return (await isDirectory(partition, files)) ? undefined : 'none';
}

export function isSameLease(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}

/** A partition without a living owner, and the lease by which that was decided. */
export type OrphanedPartition = Pick<ObservedLease, 'name' | 'lease'>;

export interface PartitionScan {
  readonly orphans: readonly OrphanedPartition[];
  /** Bytes of other processes' partitions and of the quarantine. */
  readonly otherBytes: number;
  /** Whether any partition has a lease of a newer format. */
  readonly hasNewer: boolean;
}

/** Scans the partitions of other processes for orphans and for their size on disk. */
export class OrphanScanner {
  readonly #directory: string;
  readonly #files: SpoolFiles;
  readonly #clock: Clock;
  readonly #leases: LeaseObserver;

  constructor(
    { directory, leaseMillis }: Pick<SpoolSettings, 'directory' | 'leaseMillis'>,
    clock: Clock,
    files: SpoolFiles,
  ) {
    this.#directory = directory;
    this.#files = files;
    this.#clock = clock;
    this.#leases = new LeaseObserver(directory, leaseMillis, clock, files);
  }

  async scan(isOwn: (name: string) => boolean): Promise<PartitionScan> {
    const names = await this.#files.readdir(this.#directory);
    const others: string[] = [];
    const pauses = new Pauses(this.#clock);
    let otherBytes = 0;
    for (const name of names) {
      const isPartition = (isPartitionName(name) || isMovingName(name)) && !isOwn(name);
      if (!isPartition && name !== QUARANTINE_NAME) continue;
      const path = join(this.#directory, name);
      if (!(await isDirectory(path, this.#files))) continue;
      if (isPartition) others.push(name);
      otherBytes += await this.#bytesIn(path);
      await pauses.afterPartition();
    }
    const observed = await this.#leases.observe(others, pauses);
    const readable = observed.filter(({ info }) => info === undefined || info.format <= FORMAT_VERSION);
    return {
      orphans: readable.filter(({ state }) => state === 'free'),
      otherBytes,
      hasNewer: readable.length < observed.length,
    };
  }

  async #bytesIn(directory: string): Promise<number> {
    let bytes = 0;
    for (const file of await this.#files.readdir(directory).catch((): string[] => [])) {
      const stat = await this.#files.stat(join(directory, file)).catch(() => undefined);
      bytes += stat?.size ?? 0;
    }
    return bytes;
  }
}
