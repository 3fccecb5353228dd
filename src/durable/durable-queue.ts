/** The disk behind the memory queue as a whole: what it holds that is not in memory, whose it is, and how it ends. */

import type { AsyncSinkQueue } from '../queue/async-sink-queue.ts';
import type { LogBatch } from '../queue/log-batch.ts';
import type { SpoolListener } from '../spool/format/entry.ts';
import type { Spool } from '../spool/spool.ts';
import { BatchScheduler } from './batch-scheduler.ts';
import type { Replay } from './replay.ts';

/** What the disk tells of its work: `recovered` is negative when others took over records of this process. */
export type DurableQueueListener = Omit<SpoolListener, 'takenOver'>;

export class DurableQueue<B extends LogBatch> {
  readonly spool: Spool;
  readonly replay: Replay<B>;
  /** Where the driver gets its batches: the queue, and what comes back from disk. */
  readonly scheduler: BatchScheduler<B>;
  readonly #queue: AsyncSinkQueue<B>;

  /** @param queue one with a spiller. */
  constructor(queue: AsyncSinkQueue<B>, spool: Spool, replay: Replay<B>, replayShare: number) {
    this.#queue = queue;
    this.spool = spool;
    this.replay = replay;
    this.scheduler = new BatchScheduler(queue, replay, spool, replayShare);
  }

  /** @throws SpillwayError `ERR_SPILLWAY_OPTION` for a directory that cannot be used, or should not. */
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

  /** Records on disk that are neither in memory nor on their way to the exporter. */
  get records(): number {
    return this.spool.records - this.replay.inFlightRecords;
  }

  /** Everything synchronously, for a process that is about to be gone. Never throws. */
  storeAtExit(): void {
    this.#queue.spiller?.storeAtExit();
    // There may be no other turn.
    this.spool.deliverEvents();
  }

  /** Leaves what is on disk to whoever comes next. Never rejects. */
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
