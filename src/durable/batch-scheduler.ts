/** Gives the driver its batches when there is a spool: live ones, and a configured share of replays. */

import type { DropReason } from '../common/errors.ts';
import type { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import type { LogBatch, TakeSize } from '../queue/log-batch.ts';
import type { BatchSource } from '../queue/queue-contract.ts';
import type { QueuedBatch } from '../queue/queued-batch.ts';
import type { Spool } from '../spool/spool.ts';
import type { Replay } from './replay.ts';

export class BatchScheduler<B extends LogBatch> implements BatchSource<B> {
  readonly #queue: AsyncSinkQueue<B>;
  readonly #replay: Replay<B>;
  readonly #spool: Spool;
  /** Replays due for each live batch sent while both wait. */
  readonly #replaysPerLive: number;
  #credit = 0;

  /** @param replayShare share of replays among the batches sent while live ones wait as well. */
  constructor(queue: AsyncSinkQueue<B>, replay: Replay<B>, spool: Spool, replayShare: number) {
    this.#queue = queue;
    this.#replay = replay;
    this.#spool = spool;
    this.#replaysPerLive = replayShare / (1 - replayShare);
  }

  /** Of live batches only: replays are safe on disk, and no flush waits for them. */
  get oldestSequence(): number {
    return this.#queue.oldestSequence;
  }

  seal(): number {
    return this.#queue.seal();
  }

  take(
    now: number,
    size: TakeSize,
    passOver?: (batch: QueuedBatch<B>) => boolean,
  ): QueuedBatch<B> | undefined {
    // After a pause of the process or failed heartbeats, another process may own the stored batches: they wait for the
    // renewal, batches in memory alone do not.
    this.#spool.renewLapsedLeases(now);
    const replay = this.#replay.choose(now, passOver);
    const live = this.#queue.choose(now, size, passOver);
    if (replay === undefined) return live && this.#queue.send(live, size);
    if (live === undefined) return this.#replay.send(replay, size);
    if (this.#prefersReplay(live, replay, passOver)) {
      this.#credit = Math.max(0, this.#credit - 1);
      return this.#replay.send(replay, size);
    }
    this.#credit += this.#replaysPerLive;
    return this.#queue.send(live, size);
  }

  dueAt(now: number): number {
    return Math.min(this.#queue.dueAt(now), this.#replay.dueAt(now));
  }

  settle(batch: QueuedBatch<B>): void {
    this.#ownerOf(batch).settle(batch);
  }

  requeue(batch: QueuedBatch<B>, halve = false): void {
    this.#ownerOf(batch).requeue(batch, halve);
  }

  abandon(batch: QueuedBatch<B>, reason: DropReason): void {
    // Nothing more is sent by then, so a replay stays on disk.
    if (batch.origin === 'replay') this.#replay.requeue(batch);
    else this.#queue.abandon(batch, reason);
  }

  retryNow(): void {
    this.#queue.retryNow();
    this.#replay.retryNow();
  }

  /** Live batches only: batches on disk outlive any outage. */
  expire(openedUntil: number, reason: DropReason): void {
    this.#queue.expire(openedUntil, reason);
  }

  discard(reason: DropReason): void {
    this.#replay.stop();
    this.#queue.discard(reason);
  }

  #prefersReplay(
    live: QueuedBatch<B>,
    replay: QueuedBatch<B>,
    passOver: ((batch: QueuedBatch<B>) => boolean) | undefined,
  ): boolean {
    // `passOver` is given for a request that goes alone: a live batch, unless only that one is stuck.
    if (passOver !== undefined) return passOver(live) && !passOver(replay);
    return this.#credit >= 1;
  }

  #ownerOf(batch: QueuedBatch<B>): AsyncSinkQueue<B> | Replay<B> {
    return batch.origin === 'replay' ? this.#replay : this.#queue;
  }
}
