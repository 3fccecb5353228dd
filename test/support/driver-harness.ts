/** A driver between a real queue and a sender that a test answers for, on a manual clock. */

import './legal-moves.ts';
import { Driver, type DriverSettings } from '../../src/delivery/driver.ts';
import { Recovery } from '../../src/delivery/recovery.ts';
import type { AttemptHints, Outcome } from '../../src/delivery/sender.ts';
import { AsyncSinkQueue } from '../../src/queue/async-sink-queue.ts';
import type { QueueLimits } from '../../src/queue/queue-contract.ts';
import { RecordBatch } from '../../src/records/record-batch.ts';
import { ManualClock } from './manual-clock.ts';
import { record } from './records.ts';

export interface Sent {
  readonly bodies: readonly unknown[];
  readonly hints: AttemptHints | undefined;
  answer(outcome: Outcome): void;
  reject(error: unknown): void;
}

const UNLIMITED = 1 << 30;
const error = new Error('refused');

export const DELIVERED: Outcome = { kind: 'delivered', rejectedRecords: 0 };
export const RETRYABLE: Outcome = { kind: 'retryable', error };
export const MALFORMED: Outcome = { kind: 'malformed', error };
export const TOO_LARGE: Outcome = { kind: 'too_large', error };
export const UNSERIALIZABLE: Outcome = { kind: 'unserializable', error };

export class DriverHarness {
  readonly clock = new ManualClock();
  readonly queue: AsyncSinkQueue<RecordBatch>;
  readonly recovery: Recovery;
  readonly driver: Driver<RecordBatch>;
  readonly sent: Sent[] = [];
  /** Answers on the spot, where set and not undefined. */
  decide: ((bodies: readonly unknown[]) => Outcome | undefined) | undefined;
  /** What the listener was told, in order. */
  readonly told: unknown[][] = [];
  #emitted = 0;

  constructor(limits: Partial<QueueLimits> = {}, settings: Partial<DriverSettings> = {}, threshold = 3) {
    const wake = () => this.driver.wake();
    this.queue = new AsyncSinkQueue<RecordBatch>(
      {
        maxQueueSize: UNLIMITED,
        maxQueueBytes: UNLIMITED,
        maxExportBatchSize: 1,
        maxExportBatchBytes: UNLIMITED,
        scheduledDelayMillis: 1_000,
        overflow: 'drop-oldest',
        protectSeverity: Number.POSITIVE_INFINITY,
        shed: undefined,
        ...limits,
      },
      () => new RecordBatch(UNLIMITED),
      { dropped: (reason, records) => void this.told.push(['queue dropped', reason, records]), wake },
      this.clock.now,
    );
    const retry = {
      initialDelayMillis: 1_000,
      maxDelayMillis: 1_000,
      maxElapsedMillis: Number.POSITIVE_INFINITY,
    };
    const breaker = { failureThreshold: threshold, resetTimeoutMillis: 5_000, maxResetTimeoutMillis: 5_000 };
    this.recovery = new Recovery({ retry, breaker }, this.clock.random);
    this.driver = new Driver(
      this.queue,
      {
        send: (batch, _, hints) =>
          this.#send(
            batch.toArray().map(({ body }) => body),
            hints,
          ),
      },
      this.recovery,
      { concurrency: { start: 1, max: 1 }, retry, ...settings },
      {
        passed: (records) => void this.told.push(['passed', records]),
        attempted: ({ kind }, millis) => void this.told.push(['attempted', kind, millis]),
        delivered: (records, ageMillis) => void this.told.push(['delivered', records, ageMillis]),
        dropped: (reason, records, _, severities) =>
          void this.told.push(['dropped', reason, records, severities]),
      },
      this.clock,
    );
  }

  /** Bodies are numbers, from 0 on. */
  async emit(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      this.queue.admit(record({ body: this.#emitted++, severityNumber: 9 }));
    }
    await this.clock.settle();
  }

  /** How many requests went out since the last call. */
  requests(): number {
    return this.sent.splice(0).length;
  }

  toldOf(what: string): unknown[][] {
    return this.told.filter(([word]) => word === what).map(([, ...rest]) => rest);
  }

  #send(bodies: readonly unknown[], hints: AttemptHints | undefined): Promise<Outcome> {
    const { promise, resolve: answer, reject } = Promise.withResolvers<Outcome>();
    this.sent.push({ bodies, hints, answer, reject });
    const outcome = this.decide?.(bodies);
    if (outcome !== undefined) answer(outcome);
    return promise;
  }
}
