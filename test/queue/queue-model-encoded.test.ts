/** The queue with batches of encoded records: eviction exact to the record, batches cut and joined, over random sequences. */

import '../support/legal-moves.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import { AsyncSinkQueue } from '../../src/queue/async-sink-queue.ts';
import type { QueueLimits } from '../../src/queue/queue-contract.ts';
import type { QueuedBatch } from '../../src/queue/queued-batch.ts';
import { decodeRequest, recordsIn } from '../support/otlp-oracle.ts';
import { runs } from '../support/property-runs.ts';
import { record } from '../support/records.ts';

/*
 * The model of the queue in queue-model.ts adds up the sizes of records. A batch of bytes weighs more than its
 * records, by the resource and the scopes that each part of it needs, so what the queue drops is taken from
 * the queue here, and checked: that it had to be dropped, and that it was the right end that lost it.
 */
type Batch = QueuedBatch<EncodedBatch>;

const SCOPES = [{ name: 'orders', version: '1.0' }, { name: 'payments' }];
/** What resource and scopes weigh in a batch, at most. */
const FRAME_BYTES = 100;
const MAX_RECORD_BYTES = 1_024;

interface Held {
  readonly id: number;
  readonly bytes: number;
}

const idsIn = (batch: EncodedBatch) =>
  recordsIn(decodeRequest(batch.toRequest()))
    .map(({ body }) => Number((body as { intValue: string }).intValue))
    .sort((a, b) => a - b);
const sum = (records: readonly Held[]) => records.reduce((total, { bytes }) => total + bytes, 0);
const byId = (a: Held, b: Held) => a.id - b.id;

class Scenario {
  readonly #limits: QueueLimits;
  readonly queue: AsyncSinkQueue<EncodedBatch>;
  waiting: Held[] = [];
  inFlight: { readonly batch: Batch; readonly records: Held[] }[] = [];
  #ids = 0;
  #reported = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
    const envelopes = new EnvelopeEncoder();
    const dropped = (_reason: string, count: number) => {
      this.#reported += count;
    };
    const openBatch = () => new EncodedBatch(envelopes, MAX_RECORD_BYTES, 0);
    this.queue = new AsyncSinkQueue(limits, openBatch, { dropped, wake: () => {} }, () => 0);
  }

  /** What a step lost: all of it from one end, and until the last of it was gone there was too much. */
  #lose(): void {
    const count = this.#reported;
    if (count === 0) return;
    this.#reported = 0;
    const losers =
      this.#limits.overflow === 'drop-oldest'
        ? this.waiting.splice(0, count)
        : this.waiting.splice(-count).reverse();
    const last = losers.at(-1) as Held;
    const records = this.queue.records + this.queue.inFlightRecords + 1;
    const bytes = this.queue.bytes + this.queue.inFlightBytes + last.bytes + FRAME_BYTES;
    const couldStay = records <= this.#limits.maxQueueSize && bytes <= this.#limits.maxQueueBytes;
    expect(couldStay, `record ${last.id} is dropped although there is room`).toBe(false);
  }

  admit(scope: number, size: number): void {
    const item = record({
      body: this.#ids,
      attributes: { padding: 'x'.repeat(size) },
      instrumentationScope: SCOPES[scope],
    });
    const alone = new EncodedBatch(new EnvelopeEncoder(), MAX_RECORD_BYTES, 0);
    alone.add(item);
    const bytes = alone.add(item);
    expect(bytes).toBeLessThanOrEqual(MAX_RECORD_BYTES);
    // Admitted first, and dropped then if there is no room: that is what is meant by the newest.
    this.waiting.push({ id: this.#ids++, bytes });
    this.queue.admit(item);
  }

  take(size: { maxRecords?: number; maxBytes?: number }): void {
    const batch = this.queue.take(0, size);
    if (batch === undefined) return;
    const { contents } = batch;
    const records = this.waiting.splice(0, contents.records);
    expect(idsIn(contents)).toEqual(records.map(({ id }) => id));
    expect(contents.records).toBeLessThanOrEqual(size.maxRecords ?? this.#limits.maxExportBatchSize);
    if (contents.records > 1) expect(contents.bytes).toBeLessThanOrEqual(this.#limits.maxExportBatchBytes);
    batch.history = { ...batch.history, attempts: batch.history.attempts + 1 };
    if (size.maxRecords === undefined && this.inFlight.length > 0) {
      expect(this.queue.inFlightRecords).toBeLessThanOrEqual(Math.ceil(this.#limits.maxQueueSize / 2));
      // What is split off weighs its frame as well, each part for itself.
      const frames = size.maxBytes === undefined ? 0 : FRAME_BYTES * (this.inFlight.length + 1);
      const most = Math.ceil(this.#limits.maxQueueBytes / 2) + frames;
      expect(this.queue.inFlightBytes).toBeLessThanOrEqual(most);
    }
    this.inFlight.push({ batch, records });
  }

  end(which: number, how: 'settle' | 'give back' | 'halve'): void {
    const [taken] = this.inFlight.splice(which % Math.max(1, this.inFlight.length), 1);
    if (taken === undefined) return;
    if (how === 'settle') {
      this.queue.settle(taken.batch);
      return;
    }
    this.waiting = [...this.waiting, ...taken.records].sort(byId);
    this.queue.requeue(taken.batch, how === 'halve');
  }

  check(): void {
    const { queue } = this;
    this.#lose();
    const held = [...this.waiting, ...this.inFlight.flatMap(({ records }) => records)];
    expect(queue.records).toBe(this.waiting.length);
    expect(queue.records + queue.inFlightRecords).toBe(held.length);
    expect(held.length).toBeLessThanOrEqual(this.#limits.maxQueueSize);
    const bytes = queue.bytes + queue.inFlightBytes;
    // Never less than what will be sent; more by what stands around the records of each batch.
    expect(bytes).toBeGreaterThanOrEqual(sum(held));
    expect(bytes).toBeLessThanOrEqual(sum(held) + FRAME_BYTES * held.length);
    expect(queue.inFlightBytes).toBe(
      this.inFlight.reduce((total, { batch }) => total + batch.contents.bytes, 0),
    );
  }

  /** Everything that is left comes out, in order, and takes its weight with it. */
  drain(): void {
    this.queue.seal();
    for (;;) {
      while (this.inFlight.length > 0) this.end(0, 'settle');
      if (this.queue.records === 0) break;
      this.take({});
      expect(this.inFlight).toHaveLength(1);
    }
    expect(this.waiting).toEqual([]);
    expect([this.queue.bytes, this.queue.inFlightBytes]).toEqual([0, 0]);
  }
}

type Step = (scenario: Scenario) => void;

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.nat(1), fc.constantFrom(0, 30, 300, 5_000)).map(
      ([scope, size]) =>
        (scenario: Scenario) =>
          scenario.admit(scope, size),
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom({}, {}, { maxRecords: 1 }, { maxRecords: 3 }, { maxBytes: 400 })
      .map((size) => (scenario: Scenario) => scenario.take(size)),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat(9), fc.constantFrom('settle' as const, 'give back' as const, 'halve' as const))
      .map(
        ([which, how]) =>
          (scenario: Scenario) =>
            scenario.end(which, how),
      ),
  },
  { weight: 2, arbitrary: fc.constant((scenario: Scenario) => void scenario.queue.seal()) },
);

const anyLimits: fc.Arbitrary<QueueLimits> = fc.record({
  maxQueueSize: fc.constantFrom(3, 9, 100),
  maxQueueBytes: fc.constantFrom(1_200, 3_000, 100_000),
  maxExportBatchSize: fc.constantFrom(1, 4, 8),
  maxExportBatchBytes: fc.constantFrom(1_100, 2_000),
  scheduledDelayMillis: fc.constant(100),
  overflow: fc.constantFrom('drop-oldest' as const, 'drop-newest' as const),
  protectSeverity: fc.constant(Number.POSITIVE_INFINITY),
  shed: fc.constant(undefined),
});

test('batches of bytes are dropped from, cut and joined to the record', () => {
  fc.assert(
    fc.property(anyLimits, fc.array(anyStep, { minLength: 10, maxLength: 60 }), (limits, steps) => {
      const scenario = new Scenario(limits);
      for (const step of steps) {
        step(scenario);
        scenario.check();
      }
      scenario.drain();
    }),
    runs(60),
  );
});
