/** The queue against the model of it in plain arrays, over random sequences of everything that can be done to it. */

import '../support/legal-moves.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AsyncSinkQueue } from '../../src/queue/async-sink-queue.ts';
import type { QueueLimits } from '../../src/queue/queue-contract.ts';
import type { QueuedBatch } from '../../src/queue/queued-batch.ts';
import { runs } from '../support/property-runs.ts';
import { type ModelDrop, type ModelRecord, QueueModel, WatchedBatch } from '../support/queue-model.ts';
import {
  anyLimits,
  anyStep,
  BATCH_BYTES,
  BATCH_RECORDS,
  SCHEDULED_DELAY_MILLIS,
  type Step,
} from '../support/queue-steps.ts';
import { record } from '../support/records.ts';

type Batch = QueuedBatch<WatchedBatch>;
interface Taken {
  readonly batch: Batch;
  readonly records: readonly ModelRecord[];
}

class Scenario {
  readonly #limits: QueueLimits;
  readonly #lost: number[] = [];
  readonly #reported: Omit<ModelDrop, 'id'>[] = [];
  #taken: Taken[] = [];
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
      { dropped, wake: () => {} },
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
    for (const { batch, records } of this.#taken) {
      if (batch.isInFlight) this.model.settle(records);
      this.queue.settle(batch);
    }
    this.queue.seal();
    this.queue.retryNow();
    this.model.retryNow();
    while (this.queue.records > 0) {
      this.#take({});
      this.#end({ do: 'settle', which: 0 });
    }
    expect(this.model.waiting).toEqual([]);
  }

  #run(step: Step): void {
    const { queue, model } = this;
    switch (step.do) {
      case 'admit':
        this.#admit(step.severity, step.size);
        break;
      case 'admit unreadable':
        this.#admitUnreadable();
        break;
      case 'take':
        this.#take(step.maxRecords === Number.POSITIVE_INFINITY ? { maxBytes: step.maxBytes } : step);
        break;
      case 'settle':
      case 'give back':
        this.#end(step);
        break;
      case 'pass time':
        this.#now += step.millis;
        break;
      case 'restrict': {
        const maxBytes = Math.floor(step.share * this.#limits.maxQueueBytes);
        queue.restrict({ maxBytes, minSeverity: step.minSeverity });
        model.restrict(maxBytes, step.minSeverity);
        break;
      }
      case 'unrestrict':
        queue.restrict();
        model.restrict(Number.POSITIVE_INFINITY, 0);
        break;
      case 'seal':
        queue.seal();
        if (model.candidates(this.#now).length > 0 && !this.#isHalfInFlight())
          expect(queue.dueAt(this.#now)).toBe(this.#now);
        break;
      case 'hasten':
        queue.retryNow();
        model.retryNow();
        break;
      case 'discard unprotected':
        queue.discardUnprotected('memory_limit');
        model.discard(model.ordinary, 'memory_limit');
        break;
      case 'discard':
        queue.discard('shutdown');
        model.discard(model.held, 'shutdown');
        break;
    }
  }

  /** Batches that are done with are settled and given back again as well: that must change nothing. */
  #end(step: Extract<Step, { which: number }>): void {
    const taken = this.#taken.at(-1 - (step.which % Math.max(1, this.#taken.length)));
    if (taken === undefined) return;
    const { batch, records } = taken;
    const isInFlight = batch.isInFlight;
    if (step.do === 'settle') {
      if (isInFlight) this.model.settle(records);
      this.queue.settle(batch);
      return;
    }
    const halve = step.halve && records.length > 1;
    if (isInFlight) {
      // Halves go at once.
      const notBefore = halve || step.delayMillis === 0 ? 0 : this.#now + step.delayMillis;
      batch.history = { ...batch.history, notBefore };
      this.model.requeue(records, notBefore);
    }
    this.queue.requeue(batch, halve);
  }

  /** It may be refused unread; either way it is one drop and no more, which the model does not know of. */
  #admitUnreadable(): void {
    const unreadable = Object.defineProperty(record(), 'body', {
      get() {
        throw new Error('unreadable');
      },
    });
    this.queue.admit(unreadable);
    expect(this.#reported.splice(0)).toHaveLength(1);
  }

  #admit(severity: number, size: number): void {
    const id = this.#id++;
    const emitted = record({ body: id, severityNumber: severity, attributes: { padding: 'x'.repeat(size) } });
    const bytes = new WatchedBatch(BATCH_BYTES).add(emitted);
    this.queue.admit(emitted);
    this.model.admit({ id, severity, bytes, admittedAt: this.#now, passed: false, notBefore: 0 });
  }

  #take(size: { readonly maxRecords?: number; readonly maxBytes?: number }): void {
    const { model } = this;
    const candidates = model.candidates(this.#now);
    const batch = this.queue.take(this.#now, size);
    if (batch === undefined) {
      expect(this.queue.dueAt(this.#now)).toBeGreaterThan(this.#now);
      if (this.#isHalfInFlight()) return;
      // Nothing that is old enough, or enough to fill a batch, is kept back.
      for (const { admittedAt } of candidates) {
        expect(this.#now - admittedAt).toBeLessThan(SCHEDULED_DELAY_MILLIS);
      }
      expect(candidates.length).toBeLessThan(2 * BATCH_RECORDS);
      return;
    }
    batch.history = { ...batch.history, attempts: batch.history.attempts + 1 };
    if (size.maxRecords === undefined && model.inFlight.length > 0) {
      expect(this.queue.inFlightRecords).toBeLessThanOrEqual(Math.ceil(this.#limits.maxQueueSize / 2));
      // Whatever is cut off to fit a size is weighed before, as if all records weighed the same.
      const isExact = (size.maxBytes ?? Number.POSITIVE_INFINITY) === Number.POSITIVE_INFINITY;
      const mostBytes = Math.ceil(this.#limits.maxQueueBytes / 2) + (isExact ? 0 : BATCH_BYTES);
      expect(this.queue.inFlightBytes).toBeLessThanOrEqual(mostBytes);
    }
    const { ids } = batch.contents;
    // First in, first out; protected records before all others.
    const lane = candidates.filter(
      (candidate) => model.adapterFor(candidate) === model.adapterFor(candidates[0] as ModelRecord),
    );
    expect(ids).toEqual(lane.slice(0, ids.length).map(({ id }) => id));
    expect(ids.length).toBeGreaterThan(0);
    expect(ids.length).toBeLessThanOrEqual(Math.min(size.maxRecords ?? BATCH_RECORDS, BATCH_RECORDS));
    if (ids.length > 1) expect(batch.contents.bytes).toBeLessThanOrEqual(BATCH_BYTES);
    expect(batch.isProtected).toBe(
      lane === model.protected || (lane[0]?.severity ?? 0) >= this.#limits.protectSeverity,
    );
    // A batch that was given back comes out again, or what is left of it.
    this.#taken = this.#taken.filter((taken) => taken.batch !== batch);
    this.#taken.push({ batch, records: model.take(ids) });
  }

  /** Whether a batch on top of what is in flight, which none need be larger than, could be more than half of a bound. */
  #isHalfInFlight(): boolean {
    const { inFlight, inFlightBytes } = this.model;
    return (
      inFlight.length > 0 &&
      (inFlight.length + BATCH_RECORDS > Math.ceil(this.#limits.maxQueueSize / 2) ||
        inFlightBytes + BATCH_BYTES > Math.ceil(this.#limits.maxQueueBytes / 2))
    );
  }

  #check(step: Step): void {
    const { queue, model } = this;
    expect(this.#reported.toSorted(order), `reported by ${step.do}`).toEqual(
      model.drops.map(({ reason, passed }) => ({ reason, passed })).toSorted(order),
    );
    // Batches that are given up as a whole do not lose their records one by one.
    const isWholesale = step.do === 'give back' && model.keepsProtectedOnly;
    if (!step.do.startsWith('discard') && !isWholesale) {
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
  }
}

const order = (a: object, b: object) => JSON.stringify(a).localeCompare(JSON.stringify(b));

test('the queue does what the model does, to the record', () => {
  fc.assert(
    fc.property(anyLimits, fc.array(anyStep, { minLength: 10, maxLength: 80 }), (limits, steps) => {
      const scenario = new Scenario(limits);
      for (const step of steps) scenario.run(step);
      scenario.drain();
    }),
    runs(100),
  );
});
