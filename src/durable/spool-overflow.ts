/** The disk behind the queue: stores batches as entries of the spool and returns their copies. */

import type { Clock } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';
import { LateAttributes } from '../delivery/pending-resources.ts';
import type { BatchCodec, LogBatch } from '../queue/log-batch.ts';
import type { Overflow } from '../queue/queue-contract.ts';
import type { QueuedBatch, Written } from '../queue/queued-batch.ts';
import type { NewEntry, SpoolEntry } from '../spool/format/entry.ts';
import type { Spool } from '../spool/spool.ts';
import { SpoolCopy } from './spool-copy.ts';

export interface SpoolOverflowContext<B extends LogBatch> {
  readonly spool: Spool;
  readonly codec: BatchCodec<B>;
  readonly clock: Clock;
  readonly warn: (topic: string, message: string) => void;
  /** A batch that `prepare` refused is ready. */
  readonly wake: () => void;
}

export class SpoolOverflow<B extends LogBatch> implements Overflow<B> {
  readonly #context: SpoolOverflowContext<B>;
  readonly #late: LateAttributes;

  constructor(context: SpoolOverflowContext<B>) {
    this.#context = context;
    this.#late = new LateAttributes(context.clock, context.wake);
  }

  get isUsable(): boolean {
    return this.#context.spool.isUsable;
  }

  prepare(batch: QueuedBatch<B>): boolean {
    return this.#late.haveCome(batch.contents);
  }

  store(batch: QueuedBatch<B>, ended: (written: Written) => void): void {
    const entry = this.#entryOf(batch);
    if (entry === undefined) ended('refused');
    else this.#context.spool.store(entry, (stored) => ended(this.#answer(batch, stored)));
  }

  storeNow(batch: QueuedBatch<B>): Written {
    const entry = this.#entryOf(batch);
    return entry === undefined ? 'refused' : this.#answer(batch, this.#context.spool.appendSync(entry));
  }

  flushNow(): void {
    this.#context.spool.flushSync();
  }

  retryNow(): void {
    this.#context.spool.retryNow();
  }

  #answer(batch: QueuedBatch<B>, entry: SpoolEntry | undefined): Written {
    const { spool } = this.#context;
    if (entry !== undefined) return new SpoolCopy(spool, entry, batch.offset);
    // Refused for good: a working spool that does not take a batch would be asked forever.
    return spool.isUsable ? 'refused' : 'failed';
  }

  /** @returns undefined if the batch cannot be encoded. */
  #entryOf({ contents, history, isProtected, openedAt }: QueuedBatch<B>): NewEntry | undefined {
    const { codec, clock, warn } = this.#context;
    try {
      return {
        payload: codec.encode(contents),
        records: contents.records,
        severities: contents.severities(),
        openedAtUnixMillis: clock.wallNow() - (clock.now() - openedAt),
        attempts: history.attempts,
        isProtected,
      };
    } catch (error) {
      warn('spool', `a batch cannot be stored: ${messageOf(error)}`);
      return undefined;
    }
  }
}
