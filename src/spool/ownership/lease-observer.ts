/** Watches leases of partitions that this process does not hold: one look tells nothing, a lease that changes does. */

import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { codeOf, isMissing, type SpoolFiles } from '../format/file-system.ts';
import { isPartitionName, LEASE_NAME } from '../format/names.ts';
import { expiryMillis, type LeaseInfo, parseLease } from './lease.ts';

/**
 * - `free`: there is no lease, or it was unchanged for as long as it holds: nobody has the partition.
 * - `silent`: it was not seen to change so far, and not watched for long enough to call its owner dead.
 * - `alive`: it was seen to change, and holds since then.
 */
export type HolderState = 'free' | 'silent' | 'alive';

export interface ObservedLease {
  /** Of the partition. */
  readonly name: string;
  readonly state: HolderState;
  /** The bytes of the file: undefined when there is none, empty when it cannot be read. */
  readonly lease: Buffer | undefined;
  /** Undefined when it cannot be understood. */
  readonly info: LeaseInfo | undefined;
  /** How long it may be unchanged before its owner is taken for dead. */
  readonly expiryMillis: number;
}

/** A lease as it was seen. */
interface Observation {
  readonly lease: Buffer | undefined;
  /** When it was first seen to be so. */
  readonly since: number;
  /** Whether it was seen to be otherwise before. */
  readonly hasChanged: boolean;
}

export class LeaseObserver {
  readonly #directory: string;
  /** For leases that do not say. */
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

  /** Looks at these partitions, and forgets all others. Those that are not there (any more) are left out. */
  async observe(names: readonly string[]): Promise<ObservedLease[]> {
    const observations = new Map<string, Observation>();
    const observed: ObservedLease[] = [];
    for (const name of names) {
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
    // Not when it was looked for: what was seen then may have been written since.
    return { lease, since: this.#clock.now(), hasChanged: before !== undefined };
  }

  #observed(name: string, { lease, since, hasChanged }: Observation, lookedAt: number): ObservedLease {
    const info = lease && parseLease(lease);
    const expiry = expiryMillis(info, this.#leaseMillis);
    // One without a lease that is on its way to a new owner gets one in a moment.
    const isFree = (lease === undefined && isPartitionName(name)) || lookedAt - since >= expiry;
    const state = isFree ? 'free' : hasChanged ? 'alive' : 'silent';
    return { name, state, lease, info, expiryMillis: expiry };
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
