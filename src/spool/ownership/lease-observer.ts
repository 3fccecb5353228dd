/** Observes the leases of other processes over time: only a lease that changes proves a living owner. */

import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { codeOf, isMissing, type SpoolFiles } from '../format/file-system.ts';
import { isPartitionName, LEASE_NAME } from '../format/names.ts';
import { expiryMillis, type LeaseInfo, parseLease } from './lease.ts';
import type { Pauses } from './pauses.ts';

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

export class LeaseObserver {
  readonly #directory: string;
  /** Default for leases without a duration. */
  readonly #leaseMillis: number;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  readonly #pauses: Pauses | undefined;
  #observations = new Map<string, Observation>();

  /** @param pauses in which the process may end. Default: none. */
  constructor(directory: string, leaseMillis: number, clock: Clock, files: SpoolFiles, pauses?: Pauses) {
    this.#pauses = pauses;
    this.#directory = directory;
    this.#leaseMillis = leaseMillis;
    this.#clock = clock;
    this.#files = files;
  }

  /** Reads the leases of these partitions and forgets all others. Missing partitions are left out. */
  async observe(names: readonly string[]): Promise<ObservedLease[]> {
    const observations = new Map<string, Observation>();
    const observed: ObservedLease[] = [];
    for (const name of names) {
      await this.#pauses?.afterPartition();
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
