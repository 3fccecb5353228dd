/** Bounds the duration of an attempt; the next one does not overlap it during a grace period. */

import { type Clock, timeLimit } from '../common/clock.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { AttemptHints, Outcome, Sender } from './sender.ts';

/** Most exporters cannot be cancelled: one that timed out keeps its slot this long, so a late success is not sent twice. */
export const GRACE_MILLIS = 5_000;

export class TimeoutSender<B extends LogBatch> implements Sender<B> {
  readonly #inner: Sender<B>;
  readonly #timeoutMillis: number;
  readonly #clock: Clock;

  /** @param timeoutMillis 0 for no limit. */
  constructor(inner: Sender<B>, timeoutMillis: number, clock: Clock) {
    this.#inner = inner;
    this.#timeoutMillis = timeoutMillis;
    this.#clock = clock;
  }

  send(batch: B, signal: AbortSignal, hints?: AttemptHints): Promise<Outcome> {
    if (this.#timeoutMillis === 0) return this.#inner.send(batch, signal, hints);
    return new Promise((resolve) => {
      const attempt = new AbortController();
      const abort = () => attempt.abort(signal.reason);
      const timedOut = () => {
        const message = `export timed out after ${this.#timeoutMillis} ms`;
        const error = Object.assign(new Error(message), { code: 'ETIMEDOUT' });
        attempt.abort(error);
        cancel = timeLimit(GRACE_MILLIS, this.#clock, () => finish({ kind: 'retryable', error }));
      };
      let cancel = timeLimit(this.#timeoutMillis, this.#clock, timedOut);
      const finish = (outcome: Outcome) => {
        cancel();
        signal.removeEventListener('abort', abort);
        resolve(outcome);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#inner
        .send(batch, attempt.signal, hints)
        .then(finish, (error: unknown) => finish({ kind: 'unserializable', error }));
    });
  }
}
