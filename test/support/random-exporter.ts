/** An exporter that answers as random as fast-check likes, and keeps account of what it promised. */

import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import fc from 'fast-check';
import { GRACE_MILLIS } from '../../src/delivery/sender.ts';
import type { AnyLogRecordExporter } from '../../src/index.ts';
import type { ManualClock } from './manual-clock.ts';

export const EXPORT_TIMEOUT_MILLIS = 1_000;
/** After this an answer is not waited for any more, and the slot is free. */
const ABANDONED_AFTER_MILLIS = EXPORT_TIMEOUT_MILLIS + GRACE_MILLIS;

const failures: Record<string, unknown> = {
  'no code': new Error('retryable'),
  network: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  ...Object.fromEntries(
    [400, 401, 413, 422, 500, 503].map((code) => [code, Object.assign(new Error(`HTTP ${code}`), { code })]),
  ),
  'gRPC UNAVAILABLE': Object.assign(new Error('14 UNAVAILABLE'), { code: 14 }),
  nothing: undefined,
};

export interface Answer {
  readonly how: 'success' | 'failure' | 'throw' | 'reject' | 'never' | 'twice' | 'success, then throw';
  readonly failure: string;
  /** In steps that never meet a timeout exactly; 0 answers within the call. */
  readonly afterMillis: number;
}

const healthy: Answer = { how: 'success', failure: 'nothing', afterMillis: 0 };

export const anyAnswer: fc.Arbitrary<Answer> = fc.record({
  how: fc.oneof(
    { weight: 5, arbitrary: fc.constant('success' as const) },
    { weight: 6, arbitrary: fc.constant('failure' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom('throw', 'reject', 'never', 'twice', 'success, then throw' as const),
    },
  ),
  failure: fc.constantFrom(...Object.keys(failures)),
  // At once; in time; within the grace after the timeout; long after it.
  afterMillis: fc.constantFrom(0, 0, 0, 7, 307, EXPORT_TIMEOUT_MILLIS + 507, ABANDONED_AFTER_MILLIS + 707),
});

export const anyEnding = fc.constantFrom('resolve', 'reject', 'throw', 'hang' as const);

interface Call {
  readonly ids: readonly number[];
  readonly at: number;
  answeredAt: number;
  succeeded: boolean;
}

export class RandomExporter implements AnyLogRecordExporter {
  /** What it did that no processor should let happen. */
  readonly violations: string[] = [];
  readonly #clock: ManualClock;
  readonly #answers: Answer[];
  readonly #maxConcurrent: number;
  readonly #ending: 'resolve' | 'reject' | 'throw' | 'hang';
  readonly #calls: Call[] = [];
  #isHealthy = false;
  /** Called at the start and the end of every export: the instants at which the books are most likely to be wrong. */
  audit: () => void = () => {};

  constructor(
    clock: ManualClock,
    answers: Answer[],
    maxConcurrent: number,
    ending: 'resolve' | 'reject' | 'throw' | 'hang',
  ) {
    this.#clock = clock;
    this.#answers = [...answers];
    this.#maxConcurrent = maxConcurrent;
    this.#ending = ending;
  }

  /** From now on it takes everything at once. */
  heal(): void {
    this.#isHealthy = true;
  }

  /** Records in calls that were answered with success while somebody waited for the answer. */
  get deliveredRecords(): number {
    return this.#calls
      .filter((call) => call.succeeded && !this.#isAbandoned(call))
      .reduce((sum, { ids }) => sum + ids.length, 0);
  }

  export(
    records: ReadableLogRecord[],
    callback: Parameters<AnyLogRecordExporter['export']>[1],
  ): void | Promise<void> {
    const call = {
      ids: records.map(({ body }) => body as unknown as number),
      at: this.#clock.now(),
      answeredAt: Number.POSITIVE_INFINITY,
      succeeded: false,
    };
    this.#inspect(call);
    this.#calls.push(call);
    this.audit();
    const { how, failure, afterMillis } = (this.#isHealthy ? undefined : this.#answers.shift()) ?? healthy;
    const failed = { code: 1, error: failures[failure] as Error };
    const answer = (succeeded: boolean) => {
      if (call.answeredAt === Number.POSITIVE_INFINITY)
        Object.assign(call, { answeredAt: this.#clock.now(), succeeded });
      callback(succeeded ? { code: 0 } : failed);
      this.audit();
    };
    const later = (act: () => void) => {
      if (afterMillis === 0) act();
      else this.#clock.timer(act, afterMillis);
    };
    switch (how) {
      case 'success':
        return later(() => answer(true));
      case 'failure':
        return later(() => answer(false));
      case 'twice':
        return later(() => {
          answer(failure.length % 2 === 0);
          answer(true);
          answer(false);
        });
      case 'success, then throw':
        answer(true);
        throw new Error('thrown after the answer');
      case 'throw':
        call.answeredAt = call.at;
        throw new Error('thrown');
      case 'reject':
        call.answeredAt = call.at;
        return Promise.reject(new Error('rejected'));
      case 'never':
        return;
    }
  }

  forceFlush(): Promise<void> {
    return this.#end();
  }

  shutdown(): Promise<void> {
    return this.#end();
  }

  #end(): Promise<void> {
    if (this.#isHealthy || this.#ending === 'resolve') return Promise.resolve();
    if (this.#ending === 'hang') return new Promise(() => {});
    if (this.#ending === 'reject') return Promise.reject(new Error('rejected'));
    throw new Error('thrown');
  }

  #isAbandoned(call: Call, now = call.answeredAt): boolean {
    return now - call.at > ABANDONED_AFTER_MILLIS;
  }

  #inspect(call: Call): void {
    const open = this.#calls.filter(
      (earlier) =>
        earlier.answeredAt === Number.POSITIVE_INFINITY && call.at - earlier.at < ABANDONED_AFTER_MILLIS,
    );
    if (open.length >= this.#maxConcurrent) this.violations.push(`${open.length + 1} exports at once`);
    for (const id of call.ids) {
      if (open.some(({ ids }) => ids.includes(id)))
        this.violations.push(`record ${id} is in two exports at once`);
      if (
        this.#calls.some(
          (earlier) => earlier.succeeded && !this.#isAbandoned(earlier) && earlier.ids.includes(id),
        )
      ) {
        this.violations.push(`record ${id} was delivered already`);
      }
    }
    if (new Set(call.ids).size < call.ids.length) this.violations.push('a record is twice in a batch');
  }
}
