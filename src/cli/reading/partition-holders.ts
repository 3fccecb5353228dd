/** Who holds the shelves of a spool, as far as watching their leases tells. */

import { hostname } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../common/clock.ts';
import type { SpoolFiles } from '../../spool/format/file-system.ts';
import { isMovingName, isShelfName } from '../../spool/format/names.ts';
import { type LeaseInfo, parseLease, silenceMillis } from '../../spool/ownership/lease.ts';
import { isSameLease, readLease } from '../../spool/ownership/orphan-scanner.ts';

/** - `silent`: there was no sign of life so far, and not for long enough to call the owner dead. */
type HolderState = 'own' | 'free' | 'silent' | 'alive';

export interface Holder {
  readonly shelf: string;
  readonly state: HolderState;
  readonly info: LeaseInfo | undefined;
  /** For how long at most it may be silent. */
  readonly silenceMillis: number;
}

interface Sight {
  readonly lease: Buffer | undefined;
  /** When it was first seen to differ from what it had been; undefined when it never did. */
  readonly changedAt: number | undefined;
}

export class HolderWatch {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  #sights = new Map<string, Sight>();

  constructor(directory: string, clock: Clock, files: SpoolFiles) {
    this.#directory = directory;
    this.#clock = clock;
    this.#files = files;
  }

  /** @throws what the file system does, when the directory cannot be read. */
  async look(): Promise<Holder[]> {
    const sights = new Map<string, Sight>();
    const holders: Holder[] = [];
    for (const shelf of await this.#files.readdir(this.#directory)) {
      if (!isShelfName(shelf) && !isMovingName(shelf)) continue;
      const lease = await readLease(join(this.#directory, shelf), this.#files);
      if (lease === 'none') continue;
      const before = this.#sights.get(shelf);
      const isSame = before === undefined || isSameLease(before.lease, lease);
      const sight = { lease, changedAt: isSame ? before?.changedAt : this.#clock.now() };
      sights.set(shelf, sight);
      holders.push(this.#holder(shelf, sight));
    }
    this.#sights = sights;
    return holders;
  }

  #holder(shelf: string, { lease, changedAt }: Sight): Holder {
    const info = lease && parseLease(lease);
    const silence = silenceMillis(info, Number.NaN);
    const isAlive = changedAt !== undefined && this.#clock.now() - changedAt < silence;
    const state = lease === undefined ? 'free' : isOwn(info) ? 'own' : isAlive ? 'alive' : 'silent';
    return { shelf, state, info, silenceMillis: silence };
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
