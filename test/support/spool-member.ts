/** A process that has a spool, as far as a spool can tell: a clock, a view of the disk and a listener of its own. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { noSeverities } from '../../src/common/severity-counts.ts';
import type { SpoolSettings } from '../../src/options/option-groups.ts';
import type { NewEntry, RecordRange, SpoolEntry } from '../../src/spool/format/entry.ts';
import { Spool } from '../../src/spool/spool.ts';
import { FaultyFiles } from './faulty-files.ts';
import { ManualClock } from './manual-clock.ts';
import { SpoolEvents } from './spool-listener.ts';

export const LEASE_MILLIS = 4_000;
/** Turns of the event loop without a call to the disk after which a spool is taken to be at rest. */
const IDLE_TURNS = 3;
const STEP_MILLIS = 50;

export function spoolSettings(directory: string, overrides: Partial<SpoolSettings> = {}): SpoolSettings {
  return {
    directory,
    maxBytes: 64 * 1024 * 1024,
    mode: 'overflow',
    fsync: 'never',
    fsyncIntervalMillis: 1_000,
    leaseMillis: LEASE_MILLIS,
    replayShare: 0.5,
    maxReplayBytes: 4 * 1024 * 1024,
    spillAfterOpenMillis: 0,
    exitMaxBytes: 16 * 1024 * 1024,
    exitTimeoutMillis: 2_000,
    ...overrides,
  };
}

/** A path where a spool may be made; gone with the test. */
export async function spoolDirectory(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'spillway-spool-'));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  return join(parent, 'spool');
}

export interface Found {
  readonly payload: Buffer;
  readonly entry: SpoolEntry;
  readonly remaining: readonly RecordRange[];
}

export class SpoolMember {
  readonly clock: ManualClock;
  readonly disk: FaultyFiles;
  readonly events = new SpoolEvents();
  readonly spool: Spool;

  constructor(
    directory: string,
    overrides: Partial<SpoolSettings> = {},
    clock = new ManualClock(),
    disk = new FaultyFiles(),
  ) {
    this.clock = clock;
    this.disk = disk;
    this.spool = new Spool(spoolSettings(directory, overrides), clock, disk.files);
  }

  /** Opened, and at rest: what can be taken over at once is. */
  static async open(...args: ConstructorParameters<typeof SpoolMember>): Promise<SpoolMember> {
    const member = new SpoolMember(...args);
    member.spool.open(member.events);
    await member.rest();
    return member;
  }

  /** Until nothing more happens by itself without time passing. */
  async rest(): Promise<void> {
    let calls = -1;
    for (let idle = 0; idle < IDLE_TURNS; ) {
      await this.clock.settle();
      const isIdle = this.disk.underWay === 0 && this.disk.totalCalls === calls;
      idle = isIdle ? idle + 1 : 0;
      calls = this.disk.totalCalls;
    }
  }

  /** Lets time pass for this process alone, on a disk that is quick. */
  async pass(millis: number, stepMillis = LEASE_MILLIS / 8): Promise<void> {
    for (let left = millis; left > 0; left -= stepMillis) {
      await this.clock.advance(Math.min(stepMillis, left));
      await this.rest();
    }
  }

  /** An entry of the spool's own. */
  async store(entry: NewEntry): Promise<SpoolEntry> {
    const stored = await appendTo(this.spool, entry);
    if (stored === undefined) throw new Error(`not stored: ${this.spool.degradedBecause}`);
    this.spool.release(stored);
    return stored;
  }

  /** Everything there is to replay, in its order, and settles it. What cannot be read is left out. */
  async drain(): Promise<Found[]> {
    const found: Found[] = [];
    for (let entry = this.spool.next(); entry !== undefined; entry = this.spool.next()) {
      const remaining = [...entry.remaining];
      const payload = await this.spool.read(entry);
      if (payload === undefined) continue;
      found.push({ payload, entry, remaining });
      for (const [first, records] of remaining) this.spool.settle(entry, first, records);
    }
    await this.rest();
    return found;
  }

  /** As after SIGKILL: nothing of it runs any more, its files are as they are. */
  async crash(tornBytes = 0): Promise<void> {
    await this.disk.kill(tornBytes);
  }

  async close(): Promise<void> {
    await this.finish(this.spool.close());
    await this.rest();
  }

  /** Lets time pass for as long as it takes. */
  async finish<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = () => {
      isDone = true;
    };
    work.then(end, end);
    while (!isDone) {
      await this.rest();
      if (!isDone) await this.clock.advance(STEP_MILLIS);
    }
    return await work;
  }
}

/** Stores an entry in its turn. @returns undefined when it is refused. */
export function appendTo(spool: Spool, entry: NewEntry): Promise<SpoolEntry | undefined> {
  return new Promise((resolve) => spool.store(entry, resolve));
}

/** Time passes for all of them alike. */
export async function passAll(members: readonly SpoolMember[], millis: number): Promise<void> {
  for (let left = millis; left > 0; left -= LEASE_MILLIS / 8) {
    for (const member of members) await member.clock.advance(Math.min(LEASE_MILLIS / 8, left));
    // What one does may be what another waits for.
    for (const member of [...members, ...members]) await member.rest();
  }
}

/** An entry whose payload tells who it is: `<name>|xxx...`. */
export function entryOf(name: string, { bytes = 40, records = 1, ...rest }: EntryShape = {}): NewEntry {
  const severities = noSeverities();
  severities[3] = records;
  return {
    payload: Buffer.from(`${name}|`.padEnd(bytes, 'x')),
    records,
    severities,
    openedAtUnixMillis: Date.UTC(2026, 0, 1),
    attempts: 0,
    isProtected: false,
    ...rest,
  };
}

interface EntryShape extends Partial<Omit<NewEntry, 'payload'>> {
  readonly bytes?: number;
}

/** The name in a payload. */
export function nameOf(payload: Uint8Array): string {
  return Buffer.from(payload).toString('latin1').split('|')[0] as string;
}

export function namesOf(found: readonly Found[]): string[] {
  return found.map(({ payload }) => nameOf(payload));
}
