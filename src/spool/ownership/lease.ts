/** The lease of a partition, as docs/spool-format.md specifies it: encoded, renewed and parsed. */

import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { isGone, readFully, readFullySync, type SpoolFiles, writeFully } from '../format/file-system.ts';
import { FILE_MODE, FORMAT_VERSION, isMovingName, LEASE_NAME } from '../format/layout.ts';
import { isForeign } from '../format/open-file.ts';

const LEASE_BYTES = 256;
/** Leases of other versions may be larger. A file beyond this is no lease. */
export const MAX_LEASE_BYTES = 4_096;
const TOKEN_BYTES = 16;
/** Bounds of the expiry, whatever a lease claims. */
const MIN_LEASE_MILLIS = 1_000;
const MAX_LEASE_MILLIS = 600_000;
const MAX_HOST_LENGTH = 64;
/** An owner trusts its lease for this share of `leaseMillis` only. */
const RELIABLE_SHARE = 0.75;
/** While a takeover that may be reverted holds its partition, an owner looks for it this often, at this interval. */
const LOOKS = 100;
const LOOK_AGAIN_MILLIS = 50;

/** Contents of a lease; only `format` and `token` are validated. */
export interface LeaseInfo {
  readonly format: number;
  readonly token: string;
  readonly leaseMillis: number;
  readonly heartbeat: number;
  readonly pid: number;
  readonly host: string;
  /** ISO 8601. */
  readonly since: string;
}

/** `lost`: another process has the partition; `vanished`: the spool is gone, so nobody has it. */
export type Renewal = 'held' | 'lost' | 'vanished' | 'failed';

export class Lease {
  readonly #path: string;
  readonly #info: LeaseInfo;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  #heartbeat = 1;
  #confirmedAt: number;
  #renewing: Promise<Renewal> | undefined;
  #lastError: unknown;

  /** @param directory final path of the partition. */
  constructor(directory: string, leaseMillis: number, clock: Clock, files: SpoolFiles) {
    this.#path = join(directory, LEASE_NAME);
    this.#clock = clock;
    this.#files = files;
    this.#confirmedAt = clock.now();
    this.#info = {
      format: FORMAT_VERSION,
      token: clock.uniqueBytes(TOKEN_BYTES).toString('hex'),
      leaseMillis,
      heartbeat: 1,
      pid: process.pid,
      host: hostname()
        .replaceAll(/[^\w.-]/g, '_')
        .slice(0, MAX_HOST_LENGTH),
      since: new Date(clock.wallNow()).toISOString(),
    };
  }

  /** Initial contents of the file; call `started` before writing them. */
  get bytes(): Buffer {
    return this.#encode(this.#heartbeat);
  }

  get lastError(): unknown {
    return this.#lastError;
  }

  started(): void {
    this.#confirmedAt = this.#clock.now();
  }

  isValid(now: number): boolean {
    return now - this.#confirmedAt < this.#info.leaseMillis * RELIABLE_SHARE;
  }

  /** Never rejects. */
  renew(): Promise<Renewal> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /**
   * Whether the file still holds this lease. Another process replaces it before it fences the segments, so a write that
   * ended before it was read here is the owner's, or within the fence. Synchronous. Never throws.
   */
  isInPlaceSync(): boolean {
    try {
      const fd = this.#files.openSync(this.#path, 'r', 0);
      try {
        const bytes = Buffer.alloc(LEASE_BYTES);
        const read = readFullySync(this.#files, fd, bytes, 0);
        return parseLease(bytes.subarray(0, read))?.token === this.#info.token;
      } finally {
        this.#files.closeSync(fd);
      }
    } catch {
      return false;
    }
  }

  async #renew(): Promise<Renewal> {
    for (let looks = 1; ; looks++) {
      const result = await this.#try();
      if (result !== 'missing') return result;
      const place = await this.#findPartition();
      if (place === 'failed' || place === 'vanished') return place;
      // Checked twice: it may have been given back between `#try` and this search.
      if ((place === 'gone' && looks > 1) || looks === LOOKS) return 'lost';
      if (place === 'moving') {
        await new Promise<void>((resolve) => void this.#clock.timer(resolve, LOOK_AGAIN_MILLIS));
      }
    }
  }

  /** A takeover renames the partition first, and gives it back if its lease turns out to be alive. */
  async #findPartition(): Promise<'here' | 'moving' | 'gone' | 'vanished' | 'failed'> {
    const partition = dirname(this.#path);
    const directory = dirname(partition);
    try {
      const names = await this.#files.readdir(directory);
      if (names.includes(basename(partition)) && (await this.#isOwn(partition))) return 'here';
      for (const name of names) {
        if (isMovingName(name) && (await this.#isOwn(join(directory, name)))) return 'moving';
      }
      return 'gone';
    } catch (error) {
      this.#lastError = error;
      return isGone(error) ? 'vanished' : 'failed';
    }
  }

  async #isOwn(partition: string): Promise<boolean> {
    const bytes = await this.#files
      .readFile(join(partition, LEASE_NAME), MAX_LEASE_BYTES)
      .catch(() => undefined);
    return bytes !== undefined && parseLease(bytes)?.token === this.#info.token;
  }

  async #try(): Promise<Renewal | 'missing'> {
    const startedAt = this.#clock.now();
    const next = this.#encode(this.#heartbeat + 1);
    try {
      const fd = await this.#files.open(this.#path, 'r+', FILE_MODE);
      try {
        const current = Buffer.alloc(LEASE_BYTES);
        const read = await readFully(this.#files, fd, current, 0);
        if (parseLease(current.subarray(0, read))?.token !== this.#info.token) return 'lost';
        await writeFully(this.#files, fd, [next], 0);
      } finally {
        await this.#files.close(fd);
      }
      // Read back by path: the open file may no longer be the one that others see.
      if (!(await this.#files.readFile(this.#path, MAX_LEASE_BYTES)).equals(next)) return 'lost';
    } catch (error) {
      this.#lastError = error;
      // Whoever put something else in the place of the lease has the partition.
      if (isForeign(error)) return 'lost';
      return isGone(error) ? 'missing' : 'failed';
    }
    this.#heartbeat++;
    this.#confirmedAt = startedAt;
    return 'held';
  }

  #encode(heartbeat: number): Buffer {
    return Buffer.from(
      JSON.stringify({ ...this.#info, heartbeat })
        .padEnd(LEASE_BYTES - 1)
        .concat('\n'),
      'latin1',
    );
  }
}

export function parseLease(bytes: Buffer): LeaseInfo | undefined {
  try {
    const info: Partial<LeaseInfo> | null = JSON.parse(bytes.toString('latin1'));
    return typeof info?.token === 'string' && typeof info.format === 'number'
      ? (info as LeaseInfo)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Time without a change after which an owner is considered dead. @param otherwise for leases without a duration. */
export function expiryMillis(info: LeaseInfo | undefined, otherwise: number): number {
  const millis = Number(info?.leaseMillis ?? otherwise);
  return Math.min(Math.max(millis || MAX_LEASE_MILLIS, MIN_LEASE_MILLIS), MAX_LEASE_MILLIS);
}
