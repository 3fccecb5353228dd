/** Where the driver gets its batches when there is a spool: live ones first, and replays at a measured share. */

import type { DropReason } from '../common/errors.ts';
import type { BatchSource } from '../delivery/batch-source.ts';
import type { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { TakeSize } from '../queue/queue-contract.ts';
import type { QueuedBatch } from '../queue/queued-batch.ts';
import type { Spool } from '../spool/spool.ts';
import type { Replay } from './replay.ts';

export class BatchScheduler<B extends LogBatch> implements BatchSource<B> {
  readonly #queue: AsyncSinkQueue<B>;
  readonly #replay: Replay<B>;
  readonly #spool: Spool;
  /** Replays that are due for each live batch sent while both wait. */
  readonly #replaysPerLive: number;
  #credit = 0;

  /** @param replayShare share of the batches that are replays while live ones wait as well. */
  constructor(queue: AsyncSinkQueue<B>, replay: Replay<B>, spool: Spool, replayShare: number) {
    this.#queue = queue;
    this.#replay = replay;
    this.#spool = spool;
    this.#replaysPerLive = replayShare / (1 - replayShare);
  }

  /** Of the live batches: what waits on disk is safe, and no flush waits for it. */
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
    // Whoever was silent for too long, or cannot give a heartbeat because the disk fails, may have been taken for dead, and
    // what it stored be another's by now. What is in memory only is sent all the same.
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
    // Nothing more is read back or sent by then: a replay stays on disk.
    if (batch.origin === 'replay') this.#replay.requeue(batch);
    else this.#queue.abandon(batch, reason);
  }

  retryNow(): void {
    this.#queue.retryNow();
    this.#replay.retryNow();
  }

  /** Live batches only: what was on disk is to outlive any outage. */
  expire(openedUntil: number, reason: DropReason): void {
    this.#queue.expire(openedUntil, reason);
  }

  discard(reason: DropReason): void {
    this.#replay.stop();
    this.#queue.discard(reason);
  }

  /** A batch that is stuck gives way to the other kind as it would to one of its own. */
  #prefersReplay(
    live: QueuedBatch<B>,
    replay: QueuedBatch<B>,
    passOver: ((batch: QueuedBatch<B>) => boolean) | undefined,
  ): boolean {
    // What asks whether the destination is back is live, as long as nothing is stuck.
    if (passOver !== undefined) return passOver(live) && !passOver(replay);
    return this.#credit >= 1;
  }

  #ownerOf(batch: QueuedBatch<B>): AsyncSinkQueue<B> | Replay<B> {
    return batch.origin === 'replay' ? this.#replay : this.#queue;
  }
}
