/** Determines the holders of partitions by observing their leases. */

import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../common/clock.ts';
import type { SpoolFiles } from '../../spool/format/file-system.ts';
import { isMovingName, isPartitionName } from '../../spool/format/names.ts';
import type { LeaseInfo } from '../../spool/ownership/lease.ts';
import { type HolderState, LeaseObserver, type ObservedLease } from '../../spool/ownership/lease-observer.ts';

export interface Holder extends Omit<ObservedLease, 'state'> {
  readonly state: HolderState | 'own';
}

export class HolderObserver {
  readonly #directory: string;
  readonly #files: SpoolFiles;
  readonly #leases: LeaseObserver;

  constructor(directory: string, clock: Clock, files: SpoolFiles) {
    this.#directory = directory;
    this.#files = files;
    this.#leases = new LeaseObserver(directory, Number.NaN, clock, files);
  }

  async observe(): Promise<Holder[]> {
    const names = await this.#files.readdir(this.#directory);
    const leases = await this.#leases.observe(
      names.filter((name) => isPartitionName(name) || isMovingName(name)),
    );
    return leases.map((lease) => (isOwn(lease.info) ? { ...lease, state: 'own' } : lease));
  }
}

/** Pids recur, here and in every container; the combination with host name and start time does not. */
function isOwn(info: LeaseInfo | undefined): boolean {
  return (
    info?.pid === process.pid &&
    hostname()
      .replaceAll(/[^\w.-]/g, '_')
      .startsWith(String(info.host)) &&
    Date.parse(String(info.since)) >= Math.floor(performance.timeOrigin)
  );
}

export function ownerText(info: LeaseInfo | undefined): string {
  return info === undefined ? 'an unknown process' : `pid ${info.pid} on ${info.host}`;
}
