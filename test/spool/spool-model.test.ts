/** The spool against a model of what it owes, over random sequences of everything that can be done to it. */

import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SpoolEntry } from '../../src/spool/format/entry.ts';
import { bytesBelow, filesBelow } from '../support/faulty-files.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { runs } from '../support/property-runs.ts';
import { appendTo, LEASE_MILLIS, SpoolMember, spoolDirectory } from '../support/spool-member.ts';
import {
  count,
  isEvicted,
  type ModelEntry,
  modelEntry,
  SpoolModel,
  sequenceOf,
} from '../support/spool-model.ts';

/** What acknowledgements may take above the limit, and what is not on the disk yet. */
const SLACK_BYTES = 16 * 1024;
const ROOMY_BYTES = 64 * 1024 * 1024;
const TIGHT_BYTES = 600 * 1024;
const MAX_RECORDS = 6;

interface Shape {
  readonly records: number;
  readonly bytes: number;
}

type Step =
  | {
      readonly do: 'append' | 'append at once';
      readonly entries: readonly Shape[];
      readonly release: boolean;
    }
  | { readonly do: 'release' | 'give back'; readonly which: number }
  | {
      readonly do: 'settle held' | 'settle replayed';
      readonly which: number;
      readonly first: number;
      readonly records: number;
    }
  | { readonly do: 'next'; readonly entries: number; readonly read: boolean }
  | { readonly do: 'rest' | 'close and reopen' | 'die and reopen' }
  | { readonly do: 'pass time'; readonly millis: number }
  | { readonly do: 'die in appending'; readonly entries: readonly Shape[]; readonly tornBytes: number };

const anyShape: fc.Arbitrary<Shape> = fc.record({
  records: fc.integer({ min: 1, max: MAX_RECORDS }),
  bytes: fc.oneof(fc.integer({ min: 24, max: 400 }), fc.integer({ min: 10_000, max: 60_000 })),
});
const anyShapes = fc.array(anyShape, { minLength: 1, maxLength: 5 });
const which = fc.nat(100);
const anyRange = { first: fc.nat(MAX_RECORDS - 1), records: fc.integer({ min: 1, max: MAX_RECORDS }) };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('append' as const, 'append at once' as const),
      entries: anyShapes,
      release: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('release' as const, 'give back' as const), which }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('settle held' as const, 'settle replayed' as const),
      which,
      ...anyRange,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('next' as const),
      entries: fc.integer({ min: 1, max: 4 }),
      read: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('rest' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('pass time' as const),
      millis: fc.constantFrom(100, LEASE_MILLIS / 4, 2 * LEASE_MILLIS),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('close and reopen' as const, 'die and reopen' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('die in appending' as const),
      entries: anyShapes,
      tornBytes: fc.nat(100_000),
    }),
  },
);

class Scenario {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #maxCallBytes: number;
  readonly #model = new SpoolModel();
  #member!: SpoolMember;
  #sequence = 0;
  #epoch = 0;
  readonly #underWay = new Set<Promise<void>>();
  /** Of the processes before this one. */
  #droppedBefore = 0;
  readonly #severitiesDropped = new Array<number>(7).fill(0);
  #hasDied = false;
  /** Whether part of an entry was dropped, the severities of which nobody knows. */
  #hasDroppedParts = false;

  constructor(directory: string, maxBytes: number, maxCallBytes: number) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    this.#maxCallBytes = maxCallBytes;
  }

  async start(): Promise<void> {
    const member = new SpoolMember(
      this.#directory,
      { maxBytes: this.#maxBytes },
      new ManualClock(1e6 * (this.#epoch % 7)),
    );
    member.disk.maxWriteBytes = this.#maxCallBytes;
    member.disk.maxReadBytes = this.#maxCallBytes;
    this.#member = member;
    member.spool.open(member.events);
    // The one before may have died, and what it left is all to be taken over.
    await member.pass(2 * LEASE_MILLIS, LEASE_MILLIS / 4);
    const { least, most } = this.#expected();
    expect(member.events.recoveredRecords).toBeGreaterThanOrEqual(least);
    expect(member.events.recoveredRecords).toBeLessThanOrEqual(most);
    await this.#check('open');
  }

  async run(step: Step): Promise<void> {
    const { spool, events } = this.#member;
    switch (step.do) {
      case 'append':
      case 'append at once':
        for (const shape of step.entries) this.#append(shape, step.do === 'append', step.release);
        break;
      case 'release': {
        const entry = pick(this.#model.with('caller'), step.which);
        if (entry?.stored?.state !== 'stored') break;
        entry.holder = 'spool';
        events.during(() => spool.release(entry.stored as SpoolEntry));
        break;
      }
      case 'give back': {
        const entry = pick(this.#model.with('replayer'), step.which);
        if (entry !== undefined) this.#giveBack(entry);
        break;
      }
      case 'settle held':
      case 'settle replayed': {
        const holder = step.do === 'settle held' ? 'caller' : 'replayer';
        const entry = pick(this.#model.with(holder), step.which);
        if (entry === undefined) break;
        const first = Math.min(step.first, entry.entry.records - 1);
        this.#settle(entry, first, Math.min(step.records, entry.entry.records - first));
        break;
      }
      case 'next':
        await this.#appended();
        for (let taken = 0; taken < step.entries; taken++) {
          const entry = this.#next();
          if (entry === undefined) break;
          if (step.read) await this.#read(entry);
        }
        break;
      case 'rest':
        await this.#check(step.do);
        break;
      case 'pass time':
        await this.#member.pass(step.millis, LEASE_MILLIS / 4);
        await this.#check(step.do);
        break;
      case 'close and reopen':
        await this.#check(step.do);
        await this.#member.close();
        expect(this.#member.disk.openFiles).toBe(0);
        await this.#restart(true);
        break;
      case 'die and reopen':
        await this.#check(step.do);
        await this.#member.crash();
        await this.#restart(false);
        break;
      case 'die in appending':
        await this.#dieInAppending(step.entries, step.tornBytes);
        break;
    }
  }

  /** Everything that is owed comes out, and nothing is left behind. */
  async finish(): Promise<void> {
    await this.#check('the end');
    for (const entry of this.#model.with('replayer')) this.#giveBack(entry);
    await this.#member.close();
    await this.#restart(true);
    for (let entry = this.#next(); entry !== undefined; entry = this.#next()) {
      await this.#read(entry);
      this.#settle(entry, 0, entry.entry.records);
    }
    await this.#check('the end');
    expect(this.#member.spool.records).toBe(0);
    const { least, most } = this.#attributed();
    expect(this.#dropped).toBeGreaterThanOrEqual(least);
    expect(this.#dropped).toBeLessThanOrEqual(most);
    await this.#member.close();
    this.#takeDrops();
    if (!this.#hasDied && !this.#hasDroppedParts)
      expect(this.#severitiesDropped).toEqual(this.#severitiesEvicted());
    expect(readdirSync(this.#directory)).toEqual([]);
  }

  #append({ records, bytes }: Shape, isInTurn: boolean, release: boolean): void {
    const { spool, events } = this.#member;
    const entry = modelEntry(this.#sequence++, records, bytes);
    const epoch = this.#epoch;
    const isRoomSure = this.#model.with('replayer').length === 0;
    const add = (stored: SpoolEntry | undefined) => {
      if (isRoomSure) expect(stored, `entry ${sequenceOf(entry.payload)} is stored`).toBeDefined();
      if (stored === undefined) return;
      expect(stored.remaining).toEqual([[0, records]]);
      expect(stored.isRecovered).toBe(false);
      const added = this.#model.add(entry, epoch, 'caller', stored);
      if (!release || stored.state !== 'stored') return;
      added.holder = 'spool';
      events.during(() => spool.release(stored));
    };
    if (isInTurn) this.#underWay.add(events.during(() => appendTo(spool, entry)).then(add));
    else add(events.during(() => spool.appendSync(entry)));
  }

  async #appended(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#underWay.clear();
    this.#epoch++;
  }

  #settle(entry: ModelEntry, first: number, records: number): void {
    const stored = entry.stored as SpoolEntry;
    const { spool, events } = this.#member;
    events.during(() => spool.settle(stored, first, records));
    if (stored.state === 'evicted') return;
    this.#model.settle(entry, first, records);
    const remaining = stored.remaining.reduce((sum, [, left]) => sum + left, 0);
    expect(remaining).toBe(count(entry, 'owed'));
  }

  #giveBack(entry: ModelEntry): void {
    const { spool, events } = this.#member;
    events.during(() => spool.requeue(entry.stored as SpoolEntry));
    entry.holder = 'spool';
  }

  #next(): ModelEntry | undefined {
    const { spool, events } = this.#member;
    const waiting = this.#model.with('spool');
    const stored = events.during(() => spool.next());
    const entry = stored && this.#model.given(stored);
    // Whoever should have come before was evicted; the counts must bear that out.
    for (const other of waiting) {
      if (other === entry) continue;
      if (entry !== undefined && other.epoch >= entry.epoch) continue;
      expect(this.#maxBytes, `entry ${other.sequence} was passed over`).toBe(TIGHT_BYTES);
      if (other.stored !== undefined) expect(other.stored.state).toBe('evicted');
      other.holder = 'nobody';
    }
    return entry;
  }

  async #read(entry: ModelEntry): Promise<void> {
    const { spool, events } = this.#member;
    const payload = await events.during(() => spool.read(entry.stored as SpoolEntry));
    expect(payload?.equals(entry.entry.payload), `payload of entry ${entry.sequence}`).toBe(true);
  }

  async #dieInAppending(shapes: readonly Shape[], tornBytes: number): Promise<void> {
    // What it evicts for them nobody would be told of.
    if (this.#maxBytes === TIGHT_BYTES) return;
    await this.#check('die in appending');
    const { disk, spool } = this.#member;
    void disk.hold('write');
    for (const { records, bytes } of shapes) {
      const entry = modelEntry(this.#sequence++, records, bytes);
      void appendTo(spool, entry);
      this.#model.add(entry, this.#epoch, 'unknown');
    }
    await this.#member.rest();
    await this.#member.crash(tornBytes);
    await this.#restart(false);
  }

  async #restart(isOrderly: boolean): Promise<void> {
    this.#hasDied ||= !isOrderly;
    if (isOrderly) expect(this.#member.clock.pendingTimers).toBe(0);
    this.#takeDrops();
    // At rest it has written down what is settled, unless there was no room for what it can do without.
    this.#model.restart(isOrderly || this.#maxBytes === ROOMY_BYTES);
    this.#epoch++;
    await this.start();
  }

  #takeDrops(): void {
    const { events } = this.#member;
    this.#droppedBefore += events.droppedRecords('spool_full');
    this.#hasDroppedParts ||= events.drops.some(({ severities }) => severities === undefined);
    for (const [range, records] of events.droppedSeverities('spool_full').entries()) {
      this.#severitiesDropped[range] = (this.#severitiesDropped[range] as number) + records;
    }
    events.drops.length = 0;
  }

  get #dropped(): number {
    return this.#droppedBefore + this.#member.events.droppedRecords('spool_full');
  }

  /** Drops that are explained by entries that did not come. */
  #attributed(): { least: number; most: number } {
    const evicted = this.#model.entries.filter(isEvicted);
    const unknown = this.#model.with('unknown');
    return {
      least: evicted.reduce((sum, entry) => sum + count(entry, 'owed'), 0),
      most: [...evicted, ...unknown].reduce((sum, entry) => sum + count(entry, 'owed', 'doubtful'), 0),
    };
  }

  /** What the spool has, less what was dropped of it that is not known yet to be. */
  #expected(): { least: number; most: number } {
    const { least, most } = this.#model.records;
    const attributed = this.#attributed();
    return {
      least: least - (this.#dropped - attributed.least),
      most: most - Math.max(0, this.#dropped - attributed.most),
    };
  }

  #severitiesEvicted(): number[] {
    const severities = new Array<number>(7).fill(0);
    for (const entry of this.#model.entries.filter(isEvicted)) {
      for (const [index, state] of entry.records.entries()) {
        const range = (entry.sequence + index) % severities.length;
        if (state === 'owed') severities[range] = (severities[range] as number) + 1;
      }
    }
    return severities;
  }

  async #check(when: string): Promise<void> {
    await this.#appended();
    await this.#member.rest();
    const { spool, events, clock } = this.#member;
    for (const entry of this.#model.with('caller')) {
      if (entry.stored?.state !== 'evicted') continue;
      // Nothing is lost: its caller has it still.
      entry.records.fill('gone');
      entry.holder = 'nobody';
    }
    for (const entry of this.#model.with('replayer')) expect(entry.stored?.state).toBe('stored');
    const { least, most } = this.#expected();
    expect(spool.records, when).toBeGreaterThanOrEqual(least);
    expect(spool.records, when).toBeLessThanOrEqual(most);
    if (!this.#hasDied) expect(least).toBe(most);
    expect(events.droppedRecords('spool_corrupt')).toBe(0);
    expect(events.ownershipLosses).toEqual([]);
    expect(events.untimely).toEqual([]);
    expect(this.#member.disk.misuses).toEqual([]);
    expect(events.warnings).toEqual([]);
    expect(spool.isUsable).toBe(true);
    expect(spool.renewLapsedLeases(clock.now())).toBe(true);
    const bytes = bytesBelow(this.#directory, '.seg') + bytesBelow(this.#directory, '.ack');
    expect(bytes).toBeLessThanOrEqual(this.#maxBytes + SLACK_BYTES);
    expect(Math.abs(spool.bytes - bytes), when).toBeLessThanOrEqual(SLACK_BYTES);
    const known = /\/partition-[0-9a-f]{16}\/(lease|\d{8}\.(seg|ack))$/;
    expect(filesBelow(this.#directory).filter((path) => !known.test(path))).toEqual([]);
  }
}

function pick<T>(all: readonly T[], which: number): T | undefined {
  return all[which % Math.max(1, all.length)];
}

test.each([
  ['roomy', ROOMY_BYTES],
  ['tight', TIGHT_BYTES],
])('a spool that is %s owes what the model owes, to the record', async (_name, maxBytes) => {
  const anyCallBytes = fc.constantFrom(Number.POSITIVE_INFINITY, 3_000);
  await fc.assert(
    fc.asyncProperty(
      anyCallBytes,
      fc.array(anyStep, { minLength: 5, maxLength: 50 }),
      async (maxCallBytes, steps) => {
        const scenario = new Scenario(await spoolDirectory(), maxBytes, maxCallBytes);
        await scenario.start();
        for (const step of steps) await scenario.run(step);
        await scenario.finish();
      },
    ),
    runs(8),
  );
});

test('a full spool gives up the oldest, and nothing else', async () => {
  const directory = await spoolDirectory();
  const member = await SpoolMember.open(directory, { maxBytes: TIGHT_BYTES });
  const total = 60;
  for (let sequence = 0; sequence < total; sequence++) {
    await member.store(modelEntry(sequence, 2, 20_000));
    expect(bytesBelow(directory, '.seg')).toBeLessThanOrEqual(TIGHT_BYTES);
  }
  await member.rest();
  const found = (await member.drain()).map(({ payload }) => sequenceOf(payload));
  expect(found.length).toBeGreaterThan(15);
  expect(found).toEqual(Array.from({ length: found.length }, (_, index) => total - found.length + index));
  expect(member.events.droppedRecords('spool_full')).toBe(2 * (total - found.length));
  await member.close();
});

test('what is given out is not evicted, and an append that finds no room is refused', async () => {
  const member = await SpoolMember.open(await spoolDirectory(), { maxBytes: TIGHT_BYTES });
  let sequence = 0;
  for (; member.events.drops.length === 0; sequence++) {
    await member.store(modelEntry(sequence, 1, 20_000));
    await member.rest();
  }
  const drops = member.events.drops.length;
  const given: SpoolEntry[] = [];
  const take = () => {
    for (let entry = member.spool.next(); entry !== undefined; entry = member.spool.next()) given.push(entry);
  };
  take();
  for (;;) {
    const entry = await appendTo(member.spool, modelEntry(sequence++, 1, 20_000));
    if (entry === undefined) break;
    member.spool.release(entry);
    take();
    expect(given.length * 20_000).toBeLessThan(TIGHT_BYTES);
  }
  expect(member.spool.appendSync(modelEntry(sequence++, 1, 20_000))).toBeUndefined();
  await member.rest();
  expect(member.events.drops).toHaveLength(drops);
  // Being full is not being out of order.
  expect(member.spool.isUsable).toBe(true);
  for (const entry of given) expect(await member.spool.read(entry)).toBeDefined();
  for (const entry of given) member.spool.settle(entry, 0, 1);
  await member.rest();
  expect(await appendTo(member.spool, modelEntry(sequence, 1, 20_000))).toBeDefined();
  await member.close();
});
