/** Replays batches from disk: reads a few at a time, oldest first, and offers them like live ones. */

import type { Clock } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';
import { BatchDeque, dropTakenOver } from '../queue/batch-deque.ts';
import type { BatchCodec, LogBatch, TakeSize } from '../queue/log-batch.ts';
import { InFlight } from '../queue/occupancy.ts';
import type { QueuedBatch } from '../queue/queued-batch.ts';
import type { SpoolEntry, SpoolListener } from '../spool/format/entry.ts';
import type { Spool } from '../spool/spool.ts';
import { replayedBatches } from './spool-copy.ts';

/** A timer that does not keep the process alive, so that a finished process can end between two replays. */
const READ_DELAY_MILLIS = 1;
/** Limit for small batches: each takes memory beyond its bytes and is inspected in every turn. */
const MAX_HELD_BATCHES = 128;

export interface ReplaySettings {
  /** Limit for entries in memory, in bytes on disk. */
  readonly maxReplayBytes: number;
  /** Limit for replays in flight. */
  readonly maxReplays: number;
}

/** Records that were read back stay the spool's, and count there, until they are settled. */
export class Replay<B extends LogBatch> {
  readonly #spool: Spool;
  readonly #codec: BatchCodec<B>;
  readonly #settings: ReplaySettings;
  readonly #listener: Pick<SpoolListener, 'dropped' | 'warn'> & { wake(): void };
  readonly #clock: Clock;
  readonly #waiting = new BatchDeque<B>();
  readonly #inFlight = new InFlight<B>();
  readonly #pauses: ReplayPauses;
  /** Entries in memory or being read, with their bytes on disk, which are known before the reading. */
  readonly #held = new Map<SpoolEntry, number>();
  #heldBytes = 0;
  #sequence = 0;
  /** Records from disk that were settled. */
  replayedRecords = 0;
  #isReading = false;
  #isPaused = false;
  #isStopped = false;
  #waits: { readonly isOver: () => boolean; readonly done: () => void }[] = [];

  constructor(
    spool: Spool,
    codec: BatchCodec<B>,
    settings: ReplaySettings,
    listener: Pick<SpoolListener, 'dropped' | 'warn'> & { wake(): void },
    clock: Clock,
  ) {
    this.#spool = spool;
    this.#codec = codec;
    this.#settings = settings;
    this.#listener = listener;
    this.#clock = clock;
    this.#pauses = new ReplayPauses(clock, () => {
      this.#noteIdle();
      this.wake();
      this.#listener.wake();
    });
  }

  get inFlightRecords(): number {
    return this.#inFlight.records;
  }

  get inFlightBytes(): number {
    return this.#inFlight.bytes;
  }

  get isSending(): boolean {
    return this.#inFlight.batches > 0;
  }

  /** Whether there is more to replay, as far as is known. */
  get isBusy(): boolean {
    return !this.#isPaused && (this.#isReading || this.isSending || this.#waiting.length > 0);
  }

  wake(): void {
    if (this.#isReading || this.#isPaused || this.#pauses.isPausing || !this.#hasRoom()) return;
    this.#isReading = true;
    this.#clock.timer(() => void this.#readNext(), READ_DELAY_MILLIS);
  }

  /** The batch to send next; undefined while the limit of replays in flight is reached. */
  choose(now: number, passOver?: (batch: QueuedBatch<B>) => boolean): QueuedBatch<B> | undefined {
    if (!this.#mayTake()) return undefined;
    let first: QueuedBatch<B> | undefined;
    for (const batch of this.#waiting) {
      if (batch.notBefore > now || !batch.mayBeSent(now, false)) continue;
      if (!passOver?.(batch)) return batch;
      first ??= batch;
    }
    return first;
  }

  /** Takes the chosen batch, or as much of it as fits in one request. */
  send(batch: QueuedBatch<B>, size: TakeSize): QueuedBatch<B> {
    const most = batch.recordsWithin(size);
    const taken = batch.contents.records > most ? batch.split(most) : batch;
    if (taken === batch) this.#waiting.remove(batch);
    this.#inFlight.add(taken);
    this.#pauses.sent();
    return taken;
  }

  dueAt(now: number): number {
    if (!this.#mayTake()) return Number.POSITIVE_INFINITY;
    let earliest = Number.POSITIVE_INFINITY;
    for (const batch of this.#waiting) {
      if (batch.mayBeSent(now, false)) earliest = Math.min(earliest, Math.max(now, batch.notBefore));
    }
    return earliest;
  }

  settle(batch: QueuedBatch<B>): void {
    if (!this.#inFlight.remove(batch)) return;
    this.replayedRecords += batch.contents.records;
    batch.settle();
    this.#resolveEnded();
    this.#dropDone();
    this.wake();
  }

  requeue(batch: QueuedBatch<B>, halve = false): void {
    if (!this.#inFlight.remove(batch)) return;
    batch.requeue();
    const older = halve ? batch.halve() : undefined;
    this.#waiting.putBack(batch);
    if (older !== undefined) this.#waiting.putBack(older);
    this.#resolveEnded();
  }

  retryNow(): void {
    for (const batch of this.#waiting) batch.retryNow();
  }

  /** Forgets batches that another process has taken over, even in flight. */
  dropTakenOver(): void {
    dropTakenOver(this.#waiting, this.#inFlight);
    this.#resolveEnded();
    this.#dropDone();
  }

  /** Stops reading and sending; replays in flight may still end. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = this.#isStopped;
    this.wake();
  }

  /** Resolves when nothing is in flight, the signal aborts, or `timeoutMillis` have passed. */
  ended(timeoutMillis: number, signal: AbortSignal): Promise<void> {
    return this.#until(() => !this.isSending, timeoutMillis, signal);
  }

  /** The same when it has no more to do, or `isInVain` is true after a replay. */
  allSent(isInVain: () => boolean, timeoutMillis: number, signal: AbortSignal): Promise<void> {
    return this.#until(() => !this.isBusy || isInVain(), timeoutMillis, signal);
  }

  #until(isOver: () => boolean, timeoutMillis: number, signal: AbortSignal): Promise<void> {
    if (isOver() || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        this.#waits = this.#waits.filter((wait) => wait.done !== done);
        resolve();
      };
      const cancel = this.#clock.timer(done, timeoutMillis, true);
      signal.addEventListener('abort', done);
      this.#waits.push({ isOver, done });
    });
  }

  /** All batches stay on disk. */
  stop(): void {
    this.#isPaused = true;
    this.#isStopped = true;
    for (const held of [this.#waiting, this.#inFlight]) {
      for (const batch of [...held]) {
        held.remove(batch);
        batch.end();
      }
    }
    for (const entry of this.#held.keys()) this.#spool.requeue(entry);
    this.#held.clear();
    this.#heldBytes = 0;
  }

  #resolveEnded(): void {
    for (const { isOver, done } of this.#waits) if (isOver()) done();
    this.#noteIdle();
  }

  #noteIdle(): void {
    if (!this.#isReading && this.#inFlight.batches === 0) this.#pauses.idle();
  }

  #mayTake(): boolean {
    return !this.#isPaused && !this.#pauses.isPausing && this.#inFlight.batches < this.#settings.maxReplays;
  }

  #hasRoom(): boolean {
    const { size } = this.#held;
    return size < 2 || (size < MAX_HELD_BATCHES && this.#heldBytes < this.#settings.maxReplayBytes);
  }

  async #readNext(): Promise<void> {
    const entry =
      this.#isStopped || !this.#spool.renewLapsedLeases(this.#clock.now()) ? undefined : this.#spool.next();
    if (entry !== undefined) {
      this.#held.set(entry, entry.bytes);
      this.#heldBytes += entry.bytes;
      const payload = await this.#spool.read(entry);
      if (payload === undefined) this.#drop(entry);
      else if (!this.#isStopped) this.#received(entry, payload);
    }
    this.#isReading = false;
    this.#dropDone();
    if (entry !== undefined) this.wake();
    this.#resolveEnded();
  }

  #received(entry: SpoolEntry, payload: Uint8Array): void {
    let whole: B;
    try {
      whole = this.#codec.decode(payload);
      if (whole.records !== entry.records) throw new RangeError('it does not have the records it should');
    } catch (error) {
      // The checksum was right: another version stored a batch that this one cannot decode.
      this.#listener.warn('spool', `a batch in the spool is not readable: ${messageOf(error)}`);
      const records = entry.remaining.reduce((sum, [, count]) => sum + count, 0);
      this.#listener.dropped('spool_corrupt', records, !entry.isRecovered && entry.attempts > 0);
      for (const [first, count] of [...entry.remaining]) this.#spool.settle(entry, first, count);
      return;
    }
    const batches = replayedBatches(whole, entry, this.#spool, this.#sequence, this.#clock);
    this.#sequence += batches.length;
    for (const batch of batches) this.#waiting.append(batch);
    this.#listener.wake();
  }

  #dropDone(): void {
    for (const entry of this.#held.keys()) {
      if (entry.state === 'takenOver' || entry.remaining.length === 0) this.#drop(entry);
    }
  }

  #drop(entry: SpoolEntry): void {
    this.#heldBytes -= this.#held.get(entry) ?? 0;
    this.#held.delete(entry);
  }
}

/** Time between the first replay and the pause. */
const RUN_MILLIS = 2_000;
/** Pause after the last replay in flight has ended, in which acknowledgements are written. */
const PAUSE_MILLIS = 50;
/** Limit while replays are in flight: one that hangs must not hold up the others. */
const MAX_PAUSE_MILLIS = 500;

/** Pauses replay every 2 s, so that requests in flight do not keep a finished process alive. */
class ReplayPauses {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #isRunTimed = false;
  /** While set, replays are neither read nor taken. */
  isPausing = false;

  /** @param wake called when a pause begins, and when it ends. */
  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  sent(): void {
    if (this.#isRunTimed) return;
    this.#isRunTimed = true;
    this.#clock.timer(() => {
      this.isPausing = true;
      this.#clock.timer(() => this.#end(), MAX_PAUSE_MILLIS);
      // The owner calls `idle` if nothing is in progress.
      this.#wake();
    }, RUN_MILLIS);
  }

  /** Call when no replay is being read or in flight. */
  idle(): void {
    if (this.isPausing) this.#clock.timer(() => this.#end(), PAUSE_MILLIS);
  }

  #end(): void {
    if (!this.isPausing) return;
    this.isPausing = false;
    this.#isRunTimed = false;
    this.#wake();
  }
}
