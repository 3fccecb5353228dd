/** Who holds the partitions of a spool, as far as watching their leases tells. */

import { hostname } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../common/clock.ts';
import type { SpoolFiles } from '../../spool/format/file-system.ts';
import { isMovingName, isPartitionName } from '../../spool/format/names.ts';
import { expiryMillis, type LeaseInfo, parseLease } from '../../spool/ownership/lease.ts';
import { isSameLease, readLease } from '../../spool/ownership/orphan-scanner.ts';

/** - `silent`: there was no heartbeat so far, and not for long enough to call the owner dead. */
type HolderState = 'own' | 'free' | 'silent' | 'alive';

export interface Holder {
  readonly partition: string;
  readonly state: HolderState;
  readonly info: LeaseInfo | undefined;
  /** For how long at most it may be silent. */
  readonly expiryMillis: number;
}

interface Observation {
  readonly lease: Buffer | undefined;
  /** When it was first seen to differ from what it had been; undefined when it never did. */
  readonly changedAt: number | undefined;
}

export class HolderObserver {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  #observations = new Map<string, Observation>();

  constructor(directory: string, clock: Clock, files: SpoolFiles) {
    this.#directory = directory;
    this.#clock = clock;
    this.#files = files;
  }

  /** @throws what the file system does, when the directory cannot be read. */
  async observe(): Promise<Holder[]> {
    const observations = new Map<string, Observation>();
    const holders: Holder[] = [];
    for (const partition of await this.#files.readdir(this.#directory)) {
      if (!isPartitionName(partition) && !isMovingName(partition)) continue;
      const lease = await readLease(join(this.#directory, partition), this.#files);
      if (lease === 'none') continue;
      const before = this.#observations.get(partition);
      const isSame = before === undefined || isSameLease(before.lease, lease);
      const observation = { lease, changedAt: isSame ? before?.changedAt : this.#clock.now() };
      observations.set(partition, observation);
      holders.push(this.#holder(partition, observation));
    }
    this.#observations = observations;
    return holders;
  }

  #holder(partition: string, { lease, changedAt }: Observation): Holder {
    const info = lease && parseLease(lease);
    const expiry = expiryMillis(info, Number.NaN);
    const isAlive = changedAt !== undefined && this.#clock.now() - changedAt < expiry;
    const state = lease === undefined ? 'free' : isOwn(info) ? 'own' : isAlive ? 'alive' : 'silent';
    return { partition, state, info, expiryMillis: expiry };
  }
}

/** A pid comes again, here and in every container; the name of the host and the time do not. */
function isOwn(info: LeaseInfo | undefined): boolean {
  return (
    info?.pid === process.pid &&
    hostname()
      .replaceAll(/[^\w.-]/g, '_')
      .startsWith(String(info.host)) &&
    Date.parse(String(info.since)) >= Math.floor(performance.timeOrigin)
  );
}

/** For people: `pid 4711 on web-1`. */
export function ownerText(info: LeaseInfo | undefined): string {
  return info === undefined ? 'an unknown process' : `pid ${info.pid} on ${info.host}`;
}
