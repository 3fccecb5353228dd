/** The lease of a partition's owner, as docs/spool-format.md has it: written, renewed, and read by others. */

import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { isGone, readFully, type SpoolFiles, writeFully } from '../format/file-system.ts';
import { FORMAT_VERSION } from '../format/layout.ts';
import { FILE_MODE, isMovingName, LEASE_NAME } from '../format/names.ts';

const LEASE_BYTES = 256;
const TOKEN_BYTES = 16;
/** Whatever a lease says, it is waited for this long at least, and at most. */
const MIN_LEASE_MILLIS = 1_000;
const MAX_LEASE_MILLIS = 600_000;
const MAX_HOST_LENGTH = 64;
/** After this share of its time a lease may not be relied on. */
const RELIABLE_SHARE = 0.75;
/** While its partition is in the hands of another who may be about to give it back, an owner looks so often, so far apart. */
const LOOKS = 100;
const LOOK_AGAIN_MILLIS = 50;

/** What a lease says, as far as it can be understood. */
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

/**
 * - `lost`: another process has the partition.
 * - `vanished`: there is no spool any more, so that nobody has it.
 */
export type Renewal = 'held' | 'lost' | 'vanished' | 'failed';

/** The lease of a partition that this process holds. */
export class Lease {
  readonly #path: string;
  readonly #info: LeaseInfo;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  #heartbeat = 1;
  #confirmedAt: number;
  #renewing: Promise<Renewal> | undefined;
  #lastError: unknown;

  /** @param directory of the partition, under the name it is to have. */
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

  /** The first bytes of the file; whoever writes them calls `started` before. */
  get bytes(): Buffer {
    return this.#encode(this.#heartbeat);
  }

  /** Why the last renewal failed. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** The lease is about to be written for the first time. */
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

  async #renew(): Promise<Renewal> {
    for (let looks = 1; ; looks++) {
      const result = await this.#try();
      if (result !== 'missing') return result;
      const place = await this.#findPartition();
      if (place === 'failed' || place === 'vanished') return place;
      // Looked for twice: it may have been given back between the one look and the other.
      if ((place === 'gone' && looks > 1) || looks === LOOKS) return 'lost';
      if (place === 'moving') {
        await new Promise<void>((resolve) => void this.#clock.timer(resolve, LOOK_AGAIN_MILLIS));
      }
    }
  }

  /** Whoever takes a partition over renames it first, and gives it back when its lease turns out to be alive. */
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
    const bytes = await this.#files.readFile(join(partition, LEASE_NAME)).catch(() => undefined);
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
      // By its path once more: the file that was written to need not be the one that others look at.
      if (!(await this.#files.readFile(this.#path)).equals(next)) return 'lost';
    } catch (error) {
      this.#lastError = error;
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

/** Undefined when it cannot be understood. */
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

/** How long a lease may be unchanged before its owner is taken for dead. @param otherwise where it does not say. */
export function expiryMillis(info: LeaseInfo | undefined, otherwise: number): number {
  const millis = Number(info?.leaseMillis ?? otherwise);
  return Math.min(Math.max(millis || MAX_LEASE_MILLIS, MIN_LEASE_MILLIS), MAX_LEASE_MILLIS);
}
