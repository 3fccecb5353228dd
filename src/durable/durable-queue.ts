/** The disk side of the queue: opens and closes the spool, and counts the records that only the disk holds. */

import type { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { SpoolListener } from '../spool/format/entry.ts';
import type { Spool } from '../spool/spool.ts';
import { BatchScheduler } from './batch-scheduler.ts';
import type { Replay } from './replay.ts';

/** `recovered` is negative if another process took over records of this one. */
export type DurableQueueListener = Omit<SpoolListener, 'takenOver'>;

export class DurableQueue<B extends LogBatch> {
  readonly spool: Spool;
  readonly replay: Replay<B>;
  readonly scheduler: BatchScheduler<B>;
  readonly #queue: AsyncSinkQueue<B>;

  /** @param queue must have a spiller. */
  constructor(queue: AsyncSinkQueue<B>, spool: Spool, replay: Replay<B>, replayShare: number) {
    this.#queue = queue;
    this.spool = spool;
    this.replay = replay;
    this.scheduler = new BatchScheduler(queue, replay, spool, replayShare);
  }

  /** @throws SpillwayError `ERR_SPILLWAY_OPTION` for an unusable or unsafe directory. */
  open({ recovered, dropped, warn, wake }: DurableQueueListener): void {
    this.spool.open({
      recovered,
      takenOver: (records) => {
        this.replay.dropTakenOver();
        recovered(-records - this.#queue.dropTakenOver());
      },
      dropped,
      warn,
      wake: () => {
        this.replay.wake();
        wake();
      },
    });
    this.#queue.spiller?.wake();
  }

  /** Records that the spool alone holds, without replays in flight. */
  get records(): number {
    return this.spool.records - this.replay.inFlightRecords;
  }

  /** Stores everything synchronously at the exit of the process. Never throws. */
  storeAtExit(): void {
    this.#queue.spiller?.storeAtExit();
    // There may be no later turn.
    this.spool.deliverEvents();
  }

  /** Leaves stored records to the next process. Never rejects. */
  async close(): Promise<void> {
    this.#queue.spiller?.stop();
    this.replay.stop();
    await this.spool.close();
  }

  closeSync(): void {
    this.#queue.spiller?.stop();
    this.replay.stop();
    this.spool.closeSync();
  }
}
