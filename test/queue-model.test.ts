/** The queue against the model of it in plain arrays, over random sequences of everything that can be done to it. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AsyncSinkQueue, type QueueLimits } from '../src/queue/async-sink-queue.ts';
import type { QueuedBatch } from '../src/queue/queued-batch.ts';
import { type ModelDrop, type ModelRecord, QueueModel, WatchedBatch } from './support/queue-model.ts';
import { record } from './support/records.ts';

const SCHEDULED_DELAY_MILLIS = 100;
const BATCH_RECORDS = 4;
const BATCH_BYTES = 4_000;
const SEVERITIES = [0, 5, 9, 17];

/** What is done to the queue; numbers named `which` choose among the batches handed out. */
type Step =
  | { readonly do: 'admit'; readonly severity: number; readonly size: number }
  | { readonly do: 'admit unreadable' }
  | { readonly do: 'take'; readonly maxRecords: number | undefined }
  | { readonly do: 'settle'; readonly which: number }
  | {
      readonly do: 'give back';
      readonly which: number;
      readonly halve: boolean;
      readonly delayMillis: number;
    }
  | { readonly do: 'pass time'; readonly millis: number }
  | { readonly do: 'restrict'; readonly share: number; readonly minSeverity: number }
  | { readonly do: 'unrestrict' | 'seal' | 'hasten' | 'discard unprotected' | 'discard' };

const which = fc.nat(20);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('admit' as const),
      severity: fc.constantFrom(...SEVERITIES),
      size: fc.constantFrom(0, 50, 500, 3_000),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'admit unreadable' } as const) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('take' as const),
      maxRecords: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const), which }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('give back' as const),
      which,
      halve: fc.boolean(),
      delayMillis: fc.constantFrom(0, 0, 50),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass time' as const), millis: fc.nat(120) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('restrict' as const),
      share: fc.double({ min: 0.1, max: 1.2, noNaN: true }),
      minSeverity: fc.constantFrom(0, 9, Number.POSITIVE_INFINITY),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('unrestrict' as const, 'hasten' as const, 'discard unprotected' as const)
      .map((what) => ({ do: what })),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'seal' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'discard' } as const) },
);

const anyLimits: fc.Arbitrary<QueueLimits> = fc.record({
  maxQueueSize: fc.integer({ min: 1, max: 12 }),
  maxQueueBytes: fc.constantFrom(4_000, 8_000, 100_000),
  maxExportBatchSize: fc.constant(BATCH_RECORDS),
  maxExportBatchBytes: fc.constant(BATCH_BYTES),
  scheduledDelayMillis: fc.constant(SCHEDULED_DELAY_MILLIS),
  overflow: fc.constantFrom('drop-oldest' as const, 'drop-newest' as const),
  protectSeverity: fc.constantFrom(17, Number.POSITIVE_INFINITY),
  shed: fc.constantFrom(undefined, { above: 0.5, belowSeverity: 9 }),
});

type Batch = QueuedBatch<WatchedBatch>;
interface Taken {
  readonly batch: Batch;
  readonly records: readonly ModelRecord[];
}

class Scenario {
  readonly #limits: QueueLimits;
  readonly #lost: number[] = [];
  readonly #reported: Omit<ModelDrop, 'id'>[] = [];
  readonly #taken: Taken[] = [];
  readonly queue: AsyncSinkQueue<WatchedBatch>;
  readonly model: QueueModel;
  #now = 1_000;
  #id = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
    const dropped = (reason: ModelDrop['reason'], records: number, passed: boolean) => {
      for (let index = 0; index < records; index++) this.#reported.push({ reason, passed });
    };
    this.queue = new AsyncSinkQueue(
      limits,
      () => WatchedBatch.open(BATCH_BYTES, this.#lost),
      { dropped, work: () => {} },
      () => this.#now,
    );
    this.model = new QueueModel(limits);
  }

  run(step: Step): void {
    this.#lost.length = 0;
    this.#reported.length = 0;
    this.model.drops = [];
    this.#run(step);
    this.#check(step);
  }

  /** Everything that is left comes out, in order. */
  drain(): void {
    this.queue.seal();
    this.queue.hasten();
    this.model.hasten();
    while (this.queue.records > 0) this.#take(undefined);
    expect(this.model.waiting).toEqual([]);
  }

  #run(step: Step): void {
    switch (step.do) {
      case 'admit':
        return this.#admit(step.severity, step.size);
      case 'admit unreadable': {
        const unreadable = Object.defineProperty(record(), 'body', {
          get() {
            throw new Error('unreadable');
          },
        });
        const before = this.#reported.length;
        this.queue.admit(unreadable);
        // It may be refused unread; either way it is one drop, which the model does not know of.
        expect(this.#reported.splice(before)).toHaveLength(1);
        return;
      }
      case 'take':
        return this.#take(step.maxRecords);
      case 'settle': {
        const taken = this.#pick(step.which);
        if (taken === undefined) return;
        if (this.queue.isInFlight(taken.batch)) this.model.settle(taken.records);
        return this.queue.settle(taken.batch);
      }
      case 'give back': {
        const taken = this.#pick(step.which);
        if (taken === undefined) return;
        const notBefore = step.delayMillis === 0 ? 0 : this.#now + step.delayMillis;
        if (this.queue.isInFlight(taken.batch)) {
          // Parts of a batch that is halved go at once.
          taken.batch.notBefore = notBefore;
          if (!step.halve) this.model.giveBack(taken.records, notBefore);
          else {
            taken.batch.notBefore = 0;
            this.model.giveBack(taken.records, 0);
          }
        }
        return this.queue.giveBack(taken.batch, step.halve);
      }
      case 'pass time':
        this.#now += step.millis;
        return;
      case 'restrict': {
        const maxBytes = Math.floor(step.share * this.#limits.maxQueueBytes);
        this.queue.restrict({ maxBytes, minSeverity: step.minSeverity });
        return this.model.restrict(maxBytes, step.minSeverity);
      }
      case 'unrestrict':
        this.queue.restrict();
        return this.model.restrict(Number.POSITIVE_INFINITY, 0);
      case 'seal':
        this.queue.seal();
        if (this.model.candidates(this.#now).length > 0) expect(this.queue.dueAt(this.#now)).toBe(this.#now);
        return;
      case 'hasten':
        this.queue.hasten();
        return this.model.hasten();
      case 'discard unprotected':
        this.queue.discardUnprotected('memory_limit');
        return this.model.discard(this.model.ordinary, 'memory_limit');
      case 'discard':
        this.queue.discard('shutdown');
        return this.model.discard(this.model.held, 'shutdown');
    }
  }

  #admit(severity: number, size: number): void {
    const id = this.#id++;
    const emitted = record({ body: id, severityNumber: severity, attributes: { padding: 'x'.repeat(size) } });
    const bytes = new WatchedBatch(BATCH_BYTES).add(emitted);
    this.queue.admit(emitted);
    this.model.admit({ id, severity, bytes, admittedAt: this.#now, passed: false, notBefore: 0 });
  }

  #take(maxRecords: number | undefined): void {
    const { model } = this;
    const candidates = model.candidates(this.#now);
    const batch = this.queue.take(this.#now, maxRecords === undefined ? undefined : { maxRecords });
    if (batch === undefined) {
      expect(this.queue.dueAt(this.#now)).toBeGreaterThan(this.#now);
      // Nothing that is old enough, or enough to fill a batch, is kept back.
      for (const { admittedAt } of candidates) {
        expect(this.#now - admittedAt).toBeLessThan(SCHEDULED_DELAY_MILLIS);
      }
      expect(candidates.length).toBeLessThan(2 * BATCH_RECORDS);
      return;
    }
    batch.attempts++;
    const { ids } = batch.contents;
    // First in, first out; protected records before all others.
    const lane = candidates.filter(
      (candidate) => model.laneOf(candidate) === model.laneOf(candidates[0] as ModelRecord),
    );
    expect(ids).toEqual(lane.slice(0, ids.length).map(({ id }) => id));
    expect(ids.length).toBeGreaterThan(0);
    expect(ids.length).toBeLessThanOrEqual(Math.min(maxRecords ?? BATCH_RECORDS, BATCH_RECORDS));
    if (ids.length > 1) expect(batch.contents.bytes).toBeLessThanOrEqual(BATCH_BYTES);
    expect(batch.isProtected).toBe(
      lane === model.protected || (lane[0]?.severity ?? 0) >= this.#limits.protectSeverity,
    );
    this.#taken.push({ batch, records: model.take(ids) });
  }

  /** Batches that are done with are given back again as well: that must change nothing. */
  #pick(index: number): Taken | undefined {
    return this.#taken.at(-1 - (index % Math.max(1, this.#taken.length)));
  }

  #check(step: Step): void {
    const { queue, model } = this;
    expect(this.#reported.toSorted(order), `reported by ${step.do}`).toEqual(
      model.drops.map(({ reason, passed }) => ({ reason, passed })).toSorted(order),
    );
    // Batches that are discarded as a whole do not lose their records one by one.
    if (!step.do.startsWith('discard')) {
      const refused = step.do === 'admit' ? [this.#id - 1] : [];
      const losers = model.drops.map(({ id }) => id).filter((id) => !refused.includes(id));
      expect(
        this.#lost.filter((id) => !refused.includes(id)),
        `lost by ${step.do}`,
      ).toEqual(losers);
    }
    expect(queue.records).toBe(model.waiting.length);
    expect(queue.bytes).toBe(model.bytes);
    expect(queue.inFlightRecords).toBe(model.inFlight.length);
    expect(queue.inFlightBytes).toBe(model.inFlightBytes);
    expect(queue.maxBytes).toBe(model.maxBytes);
    expect(queue.records + queue.inFlightRecords).toBeLessThanOrEqual(this.#limits.maxQueueSize);
    expect(queue.bytes + queue.inFlightBytes).toBeLessThanOrEqual(this.#limits.maxQueueBytes);
    if (queue.records > 0) expect(queue.bytes + queue.inFlightBytes).toBeLessThanOrEqual(queue.maxBytes);
    expect(queue.oldestSequence === Number.POSITIVE_INFINITY).toBe(model.held.length === 0);
    expect(queue.oldestAt).toBeLessThanOrEqual(
      Math.min(Number.POSITIVE_INFINITY, ...model.held.map(({ admittedAt }) => admittedAt)),
    );
    for (const severity of SEVERITIES) expect(queue.refusal(severity)).toBe(model.refusal(severity));
  }
}

const order = (a: object, b: object) => JSON.stringify(a).localeCompare(JSON.stringify(b));

test('the queue does what the model does, to the record', { timeout: 30_000 }, () => {
  fc.assert(
    fc.property(anyLimits, fc.array(anyStep, { minLength: 10, maxLength: 80 }), (limits, steps) => {
      const scenario = new Scenario(limits);
      for (const step of steps) scenario.run(step);
      scenario.drain();
    }),
    { numRuns: 400 },
  );
});
