/** The spool: keeps batches on disk until they are delivered, across restarts of the process. */

import type { Cancel, Clock } from '../common/clock.ts';
import type { SpoolSettings } from '../options/option-groups.ts';
import type { NewEntry, SpoolEntry, SpoolListener } from './format/entry.ts';
import { nodeFiles, reasonOf, type SpoolFiles } from './format/file-system.ts';
import { readPayload } from './format/segment-reader.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { checkDirectory } from './ownership/directory-check.ts';
import type { Partition } from './ownership/partition.ts';
import { DeferredEvents } from './segments/deferred-events.ts';
import { DiskHealth } from './segments/disk-health.ts';
import { lossesOf, SpoolQuota, wasPassedHere } from './segments/quota.ts';
import type { Segment, SegmentEntry } from './segments/segment.ts';
import { Quarantine, SegmentCleaner } from './segments/segment-cleaner.ts';
import { SegmentList } from './segments/segment-list.ts';
import { SpoolWriter } from './spool-writer.ts';

/**
 * ```
 *  new ──▶ open ──▶ closing ──▶ closed
 *   │        └────────┴──▶ exiting
 *   └──▶ closed
 * ```
 * - `closing`: waiting appends are written; new ones are refused.
 * - `exiting`: closed synchronously; only synchronous appends still work.
 */
type State = 'new' | 'open' | 'closing' | 'exiting' | 'closed';

/** Pause after a read that failed for lack of a shared resource, such as file descriptors. */
const READ_PAUSE_MILLIS = 1_000;

/** Invariant: the caller of `store` holds an entry, or the spool alone (waiting or given out), or it is settled. */
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
    const cannotStore = (reason: string) =>
      this.#events.warn(
        'spool disk',
        `the spool cannot be written to (${reason}): records are kept in memory only`,
      );
    this.#diskHealth = new DiskHealth(clock, () => this.#events.wake(), cannotStore);
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
   * Creates or checks the directory and starts to look for orphans; creates nothing else before the first `store`. A
   * failing disk does not throw: the spool starts degraded and retries.
   * @throws SpillwayError ERR_SPILLWAY_OPTION if the path is not a directory, cannot be created, entered or written to,
   *   is writable by others, or belongs to another user who is not root.
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

  /** Whether an append may succeed: the spool is open, and the disk works or is due for a retry. */
  get isUsable(): boolean {
    return this.#state === 'open' && this.#diskHealth.isUsable;
  }

  /** Reason of the last failed write, until a write succeeds. Contains no path. */
  get degradedBecause(): string | undefined {
    return this.#diskHealth.failureReason;
  }

  /** Unsettled records that the spool alone holds, including those given out by `next`. */
  get records(): number {
    return this.#segments.records;
  }

  get bytes(): number {
    return this.#segments.bytes;
  }

  /** Approximate admission time of the oldest record that the spool alone holds, in Unix milliseconds. */
  get oldestUnixMillis(): number | undefined {
    return this.#segments.oldestUnixMillis;
  }

  /** Whether the entry's lease is valid; otherwise another process may be sending it. */
  maySend(entry: SpoolEntry, now: number): boolean {
    return this.#state === 'open' && own(entry).segment.partition.lease.isValid(now);
  }

  /** Starts to renew lapsed leases; `wake` follows. @returns whether none has lapsed and the spool is not closed. */
  renewLapsedLeases(now: number): boolean {
    return (this.#state === 'open' || this.#state === 'new') && this.#keeper.renewLapsed(now);
  }

  /**
   * Stores a batch, which the caller holds until `release`. Never throws.
   * @param done called once, as soon as the result is known (synchronously by `flushSync`); with undefined if the disk
   *   is full or fails, nothing can be evicted, the batch is larger than the spool, or the spool is closed.
   */
  store(entry: NewEntry, done: (stored: SpoolEntry | undefined) => void): void {
    if (this.#state === 'open') this.#writer.append(entry, done);
    else done(undefined);
  }

  /** Synchronous {@link store} for bursts and for the exit, where it works even after `closeSync`. Never throws. */
  appendSync(entry: NewEntry): SpoolEntry | undefined {
    if (this.#state === 'open') return this.#writer.appendSync(entry);
    if (this.#state !== 'exiting') return undefined;
    const stored = this.#writer.appendSync(entry);
    this.#closePartsSync();
    return stored;
  }

  /** Settles delivered or dropped records. Disk space is freed once a whole segment is settled. */
  settle(entry: SpoolEntry, first: number, records: number): void {
    const { segment, position } = own(entry);
    if (segment.settle(position, first, records)) this.#scheduleCleaning(segment);
  }

  /** Leaves the records to the spool alone; those of an evicted or damaged entry are reported as dropped. */
  release(entry: SpoolEntry): void {
    const { segment, position, state } = own(entry);
    if (!segment.release(position)) return;
    if (state === 'stored') this.#events.wake();
    else this.#dropIfGone(own(entry));
  }

  /** The oldest waiting entry, recovered ones first. It is not evicted until it is settled, released or requeued. */
  next(): SpoolEntry | undefined {
    if (this.#state !== 'open' || this.#clock.now() < this.#readsAgainAt) return undefined;
    return this.#segments.next();
  }

  /**
   * Reads a payload and verifies its checksum. Never rejects.
   * @returns undefined if it is damaged (counted as `spool_corrupt`), taken over, or temporarily unreadable (it waits
   *   again). The caller no longer holds the entry then.
   */
  async read(entry: SpoolEntry): Promise<Buffer | undefined> {
    const { segment, position } = own(entry);
    const result = entry.state === 'stored' ? await readPayload(segment, position, this.#files) : 'missing';
    if (entry.state !== 'stored') {
      this.#dropIfGone(own(entry));
      return undefined;
    }
    if (Buffer.isBuffer(result)) return result;
    // A missing file may mean that the partition was taken over and renamed.
    const isOurs = result !== 'missing' || (await this.#keeper.confirm(segment.partition));
    if (entry.state !== 'stored') this.#dropIfGone(own(entry));
    else if (result === 'passing' || !isOurs) this.#pause(entry);
    else this.#drop(own(entry), 'spool_corrupt');
    return undefined;
  }

  /** Takes back an entry that `next` gave out: it waits again. */
  requeue(entry: SpoolEntry): void {
    const { segment, position } = own(entry);
    segment.requeue(position);
    if (entry.state !== 'stored') this.#dropIfGone(own(entry));
  }

  /** Ends the back-off of a failed disk: there may be no later opportunity. */
  retryNow(): void {
    this.#diskHealth.retryNow();
  }

  /** Writes waiting appends and the one in progress synchronously, and calls their `done`. Never throws. */
  flushSync(): void {
    if (this.#state === 'open') this.#writer.flushSync();
  }

  /** Writes waiting appends and leaves all entries to the next process, released or not. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close().catch((error: unknown) => {
      this.#events.warn('spool', `the spool was not closed cleanly: ${reasonOf(error)}`);
      this.#events.deliver();
    });
    return this.#closing;
  }

  /** Synchronous {@link close} for the exit of the process, even while `close` is running. Never throws. */
  closeSync(): void {
    if (this.#state !== 'open' && this.#state !== 'closing') return;
    this.#end('exiting');
    this.#closePartsSync();
    this.#events.deliver();
  }

  /** Delivers deferred events now, so that a reader of several counts finds them consistent. */
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
    // The process may have reached its exit during the waits above.
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

  /** Entries of a partition that was taken over can be sent while its next segment is read. */
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

  /** Reports the loss of an entry that is neither stored nor in memory. */
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

/** Every SpoolEntry is a SegmentEntry. */
function own(entry: SpoolEntry): SegmentEntry {
  return entry as SegmentEntry;
}
