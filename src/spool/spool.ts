/** The spool: batches on disk, for as long as they cannot be delivered, across the lives of processes. */

import type { Cancel, Clock } from '../clock.ts';
import { type AdoptionContext, adoptShelf, scanShelf } from './adoption.ts';
import { Announcements } from './announcements.ts';
import { DamagedFiles } from './damaged-files.ts';
import { checkDirectory, makeDirectory } from './directory-check.ts';
import { isMissing, reasonOf } from './file-errors.ts';
import { readPayload } from './payload-reader.ts';
import type { SegmentEntry } from './segment.ts';
import { SegmentStock } from './segment-stock.ts';
import { SegmentTidy } from './segment-tidy.ts';
import type { Shelf } from './shelf.ts';
import { ShelfWatch } from './shelf-watch.ts';
import type { NewEntry, SpoolEntry, SpoolListener } from './spool-entry.ts';
import { nodeFiles, type SpoolFiles } from './spool-files.ts';
import { SpoolRoom, wasPassedHere } from './spool-room.ts';
import type { SpoolSettings } from './spool-settings.ts';
import { SpoolTrouble } from './spool-trouble.ts';
import { SpoolWriter } from './spool-writer.ts';

/** Renewals and looks at others within the time of a lease. */
const BEATS_PER_LEASE = 4;
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
  readonly #listener: Announcements;
  readonly #stock = new SegmentStock();
  readonly #room: SpoolRoom;
  readonly #trouble: SpoolTrouble;
  readonly #tidy: SegmentTidy;
  readonly #writer: SpoolWriter;
  readonly #watch: ShelfWatch;
  readonly #context: AdoptionContext;
  readonly #shelves = new Set<Shelf>();
  #state: 'new' | 'open' | 'closed' = 'new';
  /** Whether the directory could be made when it was last tried. */
  #hasDirectory = false;
  #watching: Promise<void> = Promise.resolve();
  #isWatching = false;
  #readsAgainAt = 0;
  #cancelBeat: Cancel | undefined;
  #cancelPause: Cancel | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: SpoolSettings, listener: SpoolListener, clock: Clock, files: SpoolFiles = nodeFiles) {
    this.#settings = settings;
    this.#clock = clock;
    this.#files = files;
    this.#listener = new Announcements(listener, clock);
    this.#context = { settings, clock, files, listener: this.#listener };
    this.#room = new SpoolRoom(settings.maxBytes, this.#stock, files, this.#listener);
    this.#trouble = new SpoolTrouble(clock, () => this.#listener.changed());
    this.#tidy = new SegmentTidy(
      this.#stock,
      this.#room,
      new DamagedFiles(settings.directory, settings.maxBytes, clock, files),
      this.#listener,
      (shelf) => this.#emptied(shelf),
      clock,
      files,
    );
    this.#watch = new ShelfWatch(settings, clock, files);
    this.#writer = new SpoolWriter({
      settings,
      clock,
      files,
      stock: this.#stock,
      room: this.#room,
      trouble: this.#trouble,
      opened: (shelf) => this.#shelves.add(shelf),
      confirm: (shelf) => this.#confirm(shelf),
      completed: (segment) => this.#tidy.note(segment),
    });
  }

  /**
   * Makes or checks the directory, and begins to look for what others left. Nothing else is made on disk before
   * there is something to store. A disk that fails does not throw: the spool starts degraded, and tries again.
   * @throws SpillwayError ERR_SPILLWAY_OPTION when the directory is not one, cannot be made or entered, can be
   * written to by others, or belongs to another user who is not root.
   */
  open(): void {
    const failure = checkDirectory(this.#settings.directory, this.#files);
    this.#state = 'open';
    this.#hasDirectory = failure === undefined;
    if (failure !== undefined) this.#trouble.failed(failure);
    this.#beat();
  }

  /** Whether an append may succeed: false when it is not open, or the disk has failed and it is not yet time to try again. */
  get usable(): boolean {
    return this.#state === 'open' && this.#trouble.isOver;
  }

  /** What the disk said when writing failed, until it works again. Names no path. */
  get degradedBecause(): string | undefined {
    return this.#trouble.because;
  }

  /** Not settled, and held by the spool alone: what `next` has given out counts, what the caller of `append` holds does not. */
  get records(): number {
    return this.#stock.records;
  }

  /** On disk, in segments and acknowledgements of the shelves this one holds. */
  get bytes(): number {
    return this.#stock.bytes;
  }

  /**
   * Whether the leases are in date: nothing that is stored may be sent otherwise, for another process may be
   * sending it. When they are not, they are renewed at once, and `changed` tells when that is done.
   * @param now on the monotonic clock.
   */
  isHeld(now: number): boolean {
    let isHeld = true;
    for (const shelf of this.#shelves) {
      if (shelf.lease.isInDate(now)) continue;
      isHeld = false;
      if (this.#state === 'open') void this.#confirm(shelf);
    }
    return isHeld;
  }

  /**
   * Stores a batch, which is the caller's until `release`. Never rejects.
   * @returns undefined when it could not be stored: the disk is full or fails, the spool is full of what cannot be
   * evicted, the batch is larger than the spool, or the spool is closed.
   */
  append(entry: NewEntry): Promise<SpoolEntry | undefined> {
    return this.#state === 'open' ? this.#writer.append(entry) : Promise.resolve(undefined);
  }

  /** The same at once, for the exit of the process and for bursts. Never throws. */
  appendSync(entry: NewEntry): SpoolEntry | undefined {
    return this.#state === 'open' ? this.#writer.appendSync(entry) : undefined;
  }

  /**
   * Records are done with: delivered, or dropped for good. Their space is free when a whole segment is done with.
   * @param first position in the payload.
   */
  settle(entry: SpoolEntry, first: number, records: number): void {
    const { segment, position } = own(entry);
    if (segment.settle(position, first, records) && this.#state === 'open') this.#tidy.note(segment);
  }

  /**
   * The caller has the records no longer in memory: `next` gives them in their turn. If the entry was evicted or
   * damaged meanwhile they are lost, and told of as dropped.
   */
  release(entry: SpoolEntry): void {
    const { segment, position, state } = own(entry);
    if (!segment.release(position) || state === 'disowned') return;
    if (state === 'stored') this.#listener.changed();
    else this.#lose(own(entry), state === 'evicted' ? 'spool_full' : 'spool_corrupt');
  }

  /**
   * The oldest entry that waits, those that were recovered before those of this process. It is not evicted until it is
   * settled, released or given back.
   */
  next(): SpoolEntry | undefined {
    if (this.#state !== 'open' || this.#clock.now() < this.#readsAgainAt) return undefined;
    return this.#stock.next();
  }

  /**
   * The payload of an entry, checked. Never rejects.
   * @returns undefined when it is damaged, which is then counted as `spool_corrupt`, another's by now, or cannot be
   * read at this time and waits again. In each case it is no longer the caller's.
   */
  async read(entry: SpoolEntry): Promise<Buffer | undefined> {
    const { segment, position } = own(entry);
    if (entry.state !== 'stored') return undefined;
    const result = await readPayload(segment, position, this.#files);
    if (Buffer.isBuffer(result)) return entry.state === 'stored' ? result : undefined;
    if (entry.state !== 'stored') return undefined;
    // A shelf that was taken over is elsewhere now.
    if (result === 'missing' && !(await this.#confirm(segment.shelf))) {
      if (!segment.shelf.isLost) this.#pause(entry);
      return undefined;
    }
    if (result === 'passing') this.#pause(entry);
    else this.#lose(own(entry), 'spool_corrupt');
    return undefined;
  }

  /** An entry given out by `next` is not wanted now after all: it is in turn again. */
  giveBack(entry: SpoolEntry): void {
    const { segment, position } = own(entry);
    segment.giveBack(position);
  }

  /**
   * Writes what waits, and leaves what is stored to whoever comes. Never rejects.
   * What the caller holds and has not released stays on disk as well.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close().catch((error: unknown) => {
      this.#listener.warn('spool', `the spool was not closed cleanly: ${reasonOf(error)}`);
      this.#listener.tell();
    });
    return this.#closing;
  }

  /** The same at once at the exit of the process. Never throws. */
  closeSync(): void {
    if (this.#state !== 'open') return;
    this.#end();
    this.#writer.closeSync();
    this.#tidy.runSync();
    const full = new Set(Array.from(this.#stock, ({ shelf }) => shelf));
    for (const shelf of this.#shelves) {
      try {
        if (full.has(shelf)) shelf.giveUpSync();
        else shelf.removeSync();
      } catch {
        // Then it is taken over when its lease has run out.
      }
    }
    this.#shelves.clear();
  }

  async #close(): Promise<void> {
    if (this.#state !== 'open') {
      this.#state = 'closed';
      return;
    }
    this.#end();
    await this.#writer.close();
    await this.#watching;
    this.#tidy.noteAll();
    await this.#tidy.run();
    const full = new Set(Array.from(this.#stock, ({ shelf }) => shelf));
    for (const shelf of this.#shelves) {
      if (full.has(shelf)) await shelf.giveUp().catch(() => {});
      else await shelf.remove();
    }
    this.#shelves.clear();
    this.#listener.tell();
  }

  #end(): void {
    this.#state = 'closed';
    this.#cancelBeat?.();
    this.#cancelPause?.();
    this.#trouble.stop();
  }

  /** Timed from beat to beat, however long the disk takes. */
  #beat(): void {
    const millis = this.#settings.leaseMillis / BEATS_PER_LEASE;
    this.#cancelBeat = this.#clock.timer(() => this.#beat(), millis);
    for (const shelf of this.#shelves) void this.#confirm(shelf);
    this.#tidy.noteAll();
    this.#writer.rest();
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#watching = this.#lookAround().finally(() => {
      this.#isWatching = false;
    });
  }

  async #lookAround(): Promise<void> {
    try {
      if (!this.#hasDirectory) await makeDirectory(this.#settings.directory, this.#files);
      this.#hasDirectory = true;
      const isOwn = (name: string) => [...this.#shelves].some((shelf) => shelf.name === name);
      const { left, otherBytes, newer } = await this.#watch.look(isOwn);
      this.#room.otherBytes = otherBytes;
      if (newer.length > 0) {
        this.#listener.warn(
          'spool version',
          'the spool holds records of a newer version, which are left alone',
        );
      }
      for (const shelf of left) if (this.#state === 'open') await this.#adopt(shelf);
    } catch (error) {
      if (!isMissing(error))
        this.#listener.warn('spool watch', `the spool cannot be looked through: ${reasonOf(error)}`);
    }
  }

  async #adopt(left: Parameters<typeof adoptShelf>[0]): Promise<void> {
    let shelf: Shelf | undefined;
    try {
      shelf = await adoptShelf(left, this.#context);
      if (shelf === undefined) return;
      this.#shelves.add(shelf);
      const segments = await scanShelf(shelf, this.#context);
      if (shelf.isLost) return;
      this.#stock.add(...segments);
      this.#tidy.noteAll();
      if (segments.length === 0) await this.#emptied(shelf);
      const records = segments.reduce((sum, segment) => sum + segment.records, 0);
      if (records === 0) return;
      this.#listener.recovered(records);
      this.#listener.changed();
    } catch (error) {
      this.#listener.warn('spool recovery', `records in the spool cannot be taken over: ${reasonOf(error)}`);
    }
  }

  /** Renews a shelf's lease. @returns whether it is this process's beyond doubt. */
  async #confirm(shelf: Shelf): Promise<boolean> {
    if (shelf.isLost) return false;
    const wasInDate = shelf.lease.isInDate(this.#clock.now());
    const renewal = await shelf.lease.renew();
    if (renewal === 'lost' && this.#state === 'open') this.#disown(shelf);
    else if (renewal === 'held' && !wasInDate) this.#listener.changed();
    return renewal === 'held' && !shelf.isLost;
  }

  #disown(shelf: Shelf): void {
    if (shelf.isLost) return;
    shelf.isLost = true;
    this.#shelves.delete(shelf);
    let records = 0;
    for (const segment of [...this.#stock]) {
      if (segment.shelf !== shelf) continue;
      records += segment.records;
      segment.fate = 'disowned';
      this.#stock.remove(segment);
    }
    this.#writer.forget(shelf);
    this.#listener.disowned(records);
    this.#listener.warn(
      'spool lease',
      'another process has taken over what this one stored: it was silent for too long',
    );
    this.#listener.changed();
  }

  #lose(entry: SegmentEntry, reason: 'spool_full' | 'spool_corrupt'): void {
    const { segment, position } = entry;
    const records = segment.lose(position, reason === 'spool_corrupt');
    if (records > 0) {
      const isWhole = records === entry.records;
      this.#listener.dropped(
        reason,
        records,
        wasPassedHere(segment, position),
        isWhole ? segment.frames.severities(position) : undefined,
      );
    }
    this.#tidy.note(segment);
  }

  #pause(entry: SpoolEntry): void {
    this.giveBack(entry);
    this.#readsAgainAt = this.#clock.now() + READ_PAUSE_MILLIS;
    this.#cancelPause?.();
    this.#cancelPause = this.#clock.timer(() => this.#listener.changed(), READ_PAUSE_MILLIS);
  }

  async #emptied(shelf: Shelf): Promise<void> {
    if (shelf === this.#writer.shelf || this.#state !== 'open') return;
    for (const segment of this.#stock) if (segment.shelf === shelf) return;
    this.#shelves.delete(shelf);
    await shelf.remove();
  }
}

/** Entries are made here and nowhere else. */
function own(entry: SpoolEntry): SegmentEntry {
  return entry as SegmentEntry;
}
