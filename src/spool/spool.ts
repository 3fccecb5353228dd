/** The spool: batches on disk, for as long as they cannot be delivered, across the lives of processes. */

import type { Cancel, Clock } from '../common/clock.ts';
import type { SpoolSettings } from '../options/spool-settings.ts';
import type { NewEntry, SpoolEntry, SpoolListener } from './format/entry.ts';
import { nodeFiles, reasonOf, type SpoolFiles } from './format/file-system.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { checkDirectory } from './ownership/directory-check.ts';
import type { Partition } from './ownership/partition.ts';
import { DeferredEvents } from './segments/deferred-events.ts';
import { DiskHealth } from './segments/disk-health.ts';
import { readPayload } from './segments/payload-reader.ts';
import { Quarantine } from './segments/quarantine.ts';
import { lossesOf, SpoolQuota, wasPassedHere } from './segments/quota.ts';
import type { Segment, SegmentEntry } from './segments/segment.ts';
import { SegmentCleaner } from './segments/segment-cleaner.ts';
import { SegmentList } from './segments/segment-list.ts';
import { SpoolWriter } from './spool-writer.ts';

/**
 * ```
 *  new ──▶ open ──▶ closing ──▶ closed
 *   │        └────────┴──▶ exiting
 *   └──▶ closed
 * ```
 * - `closing`: what waits is being written; nothing new is accepted.
 * - `exiting`: closed synchronously, while the process may still have something to store synchronously.
 */
type State = 'new' | 'open' | 'closing' | 'exiting' | 'closed';

/** When reading fails for want of something that others use up as well, it waits for so long. */
const READ_PAUSE_MILLIS = 1_000;

/**
 * Invariant: each entry is held by the caller, by the spool alone (it waits, or is given out by `next`), or is
 * settled. `records` counts what the spool alone holds.
 */
export class Spool {
  readonly #settings: SpoolSettings;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  readonly #events: DeferredEvents;
  readonly #segments = new SegmentList();
  readonly #quota: SpoolQuota;
  readonly #diskHealth: DiskHealth;
  readonly #cleaner: SegmentCleaner;
  readonly #writer: SpoolWriter;
  readonly #keeper: LeaseKeeper;
  #state: State = 'new';
  #readsAgainAt = 0;
  #cancelPause: Cancel | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: SpoolSettings, clock: Clock, files: SpoolFiles = nodeFiles) {
    this.#settings = settings;
    this.#clock = clock;
    this.#files = files;
    this.#events = new DeferredEvents(clock);
    this.#quota = new SpoolQuota(settings.maxBytes, this.#segments, files, this.#events);
    this.#diskHealth = new DiskHealth(clock, () => this.#events.wake());
    this.#cleaner = new SegmentCleaner({
      segments: this.#segments,
      quota: this.#quota,
      quarantine: new Quarantine(settings.directory, settings.maxBytes, clock, files),
      warn: (topic, message) => this.#events.warn(topic, message),
      emptied: (partition) => this.#emptied(partition),
      clock,
      files,
    });
    const context = { settings, clock, files };
    this.#keeper = new LeaseKeeper(
      { ...context, listener: this.#events },
      {
        warn: (topic, message) => this.#events.warn(topic, message),
        wake: () => this.#events.wake(),
        foundSegment: (segment) => this.#foundSegment(segment),
        scannedPartition: (partition) => void this.#emptied(partition),
        ownershipLost: (partition, isTakenOver) => this.#ownershipLost(partition, isTakenOver),
        scanned: (otherBytes) => {
          this.#quota.otherBytes = otherBytes;
        },
        heartbeat: () => {
          this.#cleaner.scheduleAll();
          this.#writer.idle();
        },
      },
    );
    this.#writer = new SpoolWriter({
      ...context,
      segments: this.#segments,
      quota: this.#quota,
      diskHealth: this.#diskHealth,
      partitionMade: (partition) => this.#keeper.add(partition),
      confirm: (partition) => this.#keeper.confirm(partition),
      takenOver: () => this.#events.takenOver(0),
      completed: (segment) => this.#scheduleCleaning(segment),
    });
  }

  /**
   * Makes or checks the directory, and begins to look for what others left. Nothing else is made on disk before
   * there is something to store. A disk that fails does not throw: the spool starts degraded, and tries again.
   * @throws SpillwayError ERR_SPILLWAY_OPTION when the directory is not one, cannot be made, entered or
   * written to, can be written to by others, or belongs to another user who is not root.
   */
  open(listener: SpoolListener): void {
    this.#events.listener = listener;
    const { directory } = this.#settings;
    const failure = checkDirectory(directory, this.#files, (topic, message) =>
      this.#events.warn(topic, message),
    );
    this.#state = 'open';
    if (failure !== undefined) this.#diskHealth.failed(failure);
    this.#keeper.start(failure === undefined);
  }

  /** Whether an append may succeed: false when it is not open, or the disk has failed and it is not yet time to try again. */
  get isUsable(): boolean {
    return this.#state === 'open' && this.#diskHealth.isUsable;
  }

  /** What the disk said when writing failed, until it works again. Names no path. */
  get degradedBecause(): string | undefined {
    return this.#diskHealth.failureReason;
  }

  /** Not settled, and held by the spool alone: what `next` has given out counts, what the caller of `store` holds does not. */
  get records(): number {
    return this.#segments.records;
  }

  /** On disk, in segments and acknowledgements of the partitions this one holds. */
  get bytes(): number {
    return this.#segments.bytes;
  }

  /** When the oldest record was admitted that the spool alone holds, about; milliseconds since the Unix epoch. */
  get oldestUnixMillis(): number | undefined {
    return this.#segments.oldestUnixMillis;
  }

  /** Whether an entry may be sent: while its lease is not in date another process may be sending it. */
  maySend(entry: SpoolEntry, now: number): boolean {
    return this.#state === 'open' && own(entry).segment.partition.lease.isValid(now);
  }

  /** Begins to renew the leases that are not in date; `wake` tells when that is done. @returns whether all are, and it is open. */
  renewLapsedLeases(now: number): boolean {
    return (this.#state === 'open' || this.#state === 'new') && this.#keeper.renewLapsed(now);
  }

  /**
   * Stores a batch, which is the caller's until `release`. Never throws.
   * @param done is called once, in the turn in which it is known: see `flushSync`. With undefined when it could not be stored:
   * the disk is full or fails, the spool is full of what cannot be evicted, the batch is larger than the spool, or the
   * spool is closed.
   */
  store(entry: NewEntry, done: (stored: SpoolEntry | undefined) => void): void {
    if (this.#state === 'open') this.#writer.append(entry, done);
    else done(undefined);
  }

  /**
   * Synchronous {@link store}: for bursts, and for the exit of the process, where it works after `closeSync` as well.
   * Never throws.
   */
  appendSync(entry: NewEntry): SpoolEntry | undefined {
    if (this.#state === 'open') return this.#writer.appendSync(entry);
    if (this.#state !== 'exiting') return undefined;
    const stored = this.#writer.appendSync(entry);
    this.#closePartsSync();
    return stored;
  }

  /**
   * Records are done with: delivered, or dropped for good. Their space is free when a whole segment is done with.
   * @param first position in the payload.
   */
  settle(entry: SpoolEntry, first: number, records: number): void {
    const { segment, position } = own(entry);
    if (segment.settle(position, first, records)) this.#scheduleCleaning(segment);
  }

  /**
   * The caller has the records no longer in memory: `next` gives them in their turn. If the entry was evicted or
   * damaged meanwhile they are lost, and told of as dropped.
   */
  release(entry: SpoolEntry): void {
    const { segment, position, state } = own(entry);
    if (!segment.release(position)) return;
    if (state === 'stored') this.#events.wake();
    else this.#dropIfGone(own(entry));
  }

  /**
   * The oldest entry that waits, those that were recovered before those of this process. It is not evicted until it is
   * settled, released or given back.
   */
  next(): SpoolEntry | undefined {
    if (this.#state !== 'open' || this.#clock.now() < this.#readsAgainAt) return undefined;
    return this.#segments.next();
  }

  /**
   * The payload of an entry, checked. Never rejects.
   * @returns undefined when it is damaged, which is then counted as `spool_corrupt`, another's by now, or cannot be
   * read at this time and waits again. In each case it is no longer the caller's.
   */
  async read(entry: SpoolEntry): Promise<Buffer | undefined> {
    const { segment, position } = own(entry);
    const result = entry.state === 'stored' ? await readPayload(segment, position, this.#files) : 'missing';
    if (entry.state !== 'stored') {
      this.#dropIfGone(own(entry));
      return undefined;
    }
    if (Buffer.isBuffer(result)) return result;
    // A partition that was taken over is elsewhere now.
    const isOurs = result !== 'missing' || (await this.#keeper.confirm(segment.partition));
    if (entry.state !== 'stored') this.#dropIfGone(own(entry));
    else if (result === 'passing' || !isOurs) this.#pause(entry);
    else this.#drop(own(entry), 'spool_corrupt');
    return undefined;
  }

  /** An entry given out by `next` is not wanted now after all: it is in turn again. */
  requeue(entry: SpoolEntry): void {
    const { segment, position } = own(entry);
    segment.requeue(position);
    if (entry.state !== 'stored') this.#dropIfGone(own(entry));
  }

  /** Does not wait any longer before a disk that failed is tried again: there may be no other time. */
  retryNow(): void {
    this.#diskHealth.retryNow();
  }

  /** Writes at once what waits for the disk or is on its way there, and keeps the promises of it. Never throws. */
  flushSync(): void {
    if (this.#state === 'open') this.#writer.flushSync();
  }

  /**
   * Writes what waits, and leaves what is stored to whoever comes. Never rejects.
   * What the caller holds and has not released stays on disk as well.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close().catch((error: unknown) => {
      this.#events.warn('spool', `the spool was not closed cleanly: ${reasonOf(error)}`);
      this.#events.deliver();
    });
    return this.#closing;
  }

  /** The same at once at the exit of the process, also when `close` has not come to its end. Never throws. */
  closeSync(): void {
    if (this.#state !== 'open' && this.#state !== 'closing') return;
    this.#end('exiting');
    this.#closePartsSync();
    this.#events.deliver();
  }

  /** Tells the listener now what it is to be told in the next turn: whoever looks at all counts needs them to agree. */
  deliverEvents(): void {
    this.#events.deliver();
  }

  async #close(): Promise<void> {
    const wasOpen = this.#state === 'open';
    this.#end(wasOpen ? 'closing' : 'closed');
    if (!wasOpen) return;
    await this.#writer.close();
    this.#cleaner.scheduleAll();
    await this.#cleaner.run();
    await this.#keeper.close(this.#segments);
    // Unless the process came to its exit meanwhile.
    if (this.#state === 'closing') this.#state = 'closed';
    this.#events.deliver();
  }

  #end(state: 'closing' | 'exiting' | 'closed'): void {
    this.#state = state;
    this.#cancelPause?.();
    this.#diskHealth.stop();
    this.#keeper.stop();
  }

  #closePartsSync(): void {
    this.#writer.closeSync();
    if (this.#diskHealth.isHanging) return;
    this.#quota.finishSync();
    this.#cleaner.runSync();
    this.#keeper.closeSync(this.#segments);
  }

  /** Of a partition that was taken over: what is in it can be sent while the next one is read. */
  #foundSegment(segment: Segment): void {
    this.#segments.add(segment);
    this.#quota.tookOver(segment);
    if (segment.isDone) this.#scheduleCleaning(segment);
    if (segment.records === 0) return;
    this.#events.recovered(segment.records);
    this.#events.wake();
  }

  #ownershipLost(partition: Partition, isTakenOver: boolean): void {
    const records = this.#segments.leave(partition, isTakenOver, (segment) =>
      this.#events.droppedAll('spool_corrupt', lossesOf(segment)),
    );
    this.#writer.detach(partition);
    if (isTakenOver) this.#events.takenOver(records);
    const what = isTakenOver
      ? 'another process has taken over what this one stored: it was silent for too long'
      : 'the directory of the spool is gone';
    this.#events.warn('spool lease', what);
    this.#events.wake();
  }

  /** Nobody has the records of an entry any more that is not stored any more. */
  #dropIfGone(entry: SegmentEntry): void {
    if (entry.state === 'evicted') this.#drop(entry, 'spool_full');
    if (entry.state === 'damaged') this.#drop(entry, 'spool_corrupt');
  }

  #drop(entry: SegmentEntry, reason: 'spool_full' | 'spool_corrupt'): void {
    const { segment, position } = entry;
    const records = segment.drop(position, reason === 'spool_corrupt');
    if (records > 0) {
      const severities = records === entry.records ? segment.frames.severities(position) : undefined;
      this.#events.dropped(reason, records, wasPassedHere(segment, position), severities);
    }
    this.#scheduleCleaning(segment);
  }

  #scheduleCleaning(segment: Segment): void {
    if (this.#state === 'open') this.#cleaner.schedule(segment);
  }

  #pause(entry: SpoolEntry): void {
    this.requeue(entry);
    if (this.#state !== 'open') return;
    this.#readsAgainAt = this.#clock.now() + READ_PAUSE_MILLIS;
    this.#cancelPause?.();
    this.#cancelPause = this.#clock.timer(() => this.#events.wake(), READ_PAUSE_MILLIS);
  }

  async #emptied(partition: Partition): Promise<void> {
    const isInUse = partition === this.#writer.partition || this.#segments.mayHave(partition);
    if (!isInUse && this.#state === 'open') await this.#keeper.remove(partition);
  }
}

/** Entries are made here and nowhere else. */
function own(entry: SpoolEntry): SegmentEntry {
  return entry as SegmentEntry;
}
