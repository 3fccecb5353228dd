/** Keeps the leases of this process's shelves, and takes over those that others left. */

import type { Cancel } from '../common/clock.ts';
import type { SpoolListener } from './format/entry.ts';
import { isMissing, reasonOf } from './format/file-system.ts';
import { makeDirectory } from './ownership/directory-check.ts';
import { type LeftShelf, ShelfWatch } from './ownership/orphan-scanner.ts';
import type { Shelf } from './ownership/partition.ts';
import type { Segment } from './segments/segment.ts';
import { type AdoptionContext, adoptShelf, scanShelf } from './takeover.ts';

/** Renewals, and looks at others, within the time of a lease. */
const BEATS_PER_LEASE = 4;

export interface KeeperListener extends Pick<SpoolListener, 'changed' | 'warn'> {
  /** What a shelf holds that was taken over. */
  adopted(shelf: Shelf, segments: readonly Segment[]): void;
  /** @param isForeign whether another process has it; otherwise it is gone. */
  lost(shelf: Shelf, isForeign: boolean): void;
  /** What others have in the directory. */
  surveyed(otherBytes: number): void;
  /** A quarter of a lease has passed. */
  beat(): void;
}

export class ShelfKeeper {
  readonly #context: AdoptionContext;
  readonly #listener: KeeperListener;
  readonly #watch: ShelfWatch;
  readonly #shelves = new Set<Shelf>();
  /** Whether the directory was there, or could be made, when that was last tried. */
  #hasDirectory = false;
  #watching: Promise<void> | undefined;
  #cancelBeat: Cancel | undefined;
  #isStopped = false;

  constructor(context: AdoptionContext, listener: KeeperListener) {
    this.#context = context;
    this.#listener = listener;
    this.#watch = new ShelfWatch(context.settings, context.clock, context.files);
  }

  start(hasDirectory: boolean): void {
    this.#hasDirectory = hasDirectory;
    this.#beat();
  }

  add(shelf: Shelf): void {
    this.#shelves.add(shelf);
  }

  /** A shelf in which there is nothing any more. Never rejects. */
  async remove(shelf: Shelf): Promise<void> {
    this.#shelves.delete(shelf);
    await shelf.remove();
  }

  isHeld(now: number): boolean {
    let isHeld = true;
    for (const shelf of this.#shelves) {
      if (shelf.lease.isInDate(now)) continue;
      isHeld = false;
      if (!this.#isStopped) void this.confirm(shelf);
    }
    return isHeld;
  }

  /** Renews a shelf's lease. Never rejects. @returns whether it is this process's beyond doubt. */
  async confirm(shelf: Shelf): Promise<boolean> {
    if (shelf.isLost) return false;
    const wasInDate = shelf.lease.isInDate(this.#context.clock.now());
    const renewal = await shelf.lease.renew();
    // One that was empty may have been removed meanwhile.
    if (!this.#shelves.has(shelf)) return false;
    const isGone = renewal === 'lost' || renewal === 'vanished';
    if (isGone && !this.#isStopped) {
      shelf.isLost = true;
      this.#shelves.delete(shelf);
      this.#listener.lost(shelf, renewal === 'lost');
    }
    if (renewal === 'held' && !wasInDate) this.#listener.changed();
    return renewal === 'held' && !shelf.isLost;
  }

  /** Nothing is renewed or taken over any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelBeat?.();
  }

  /** Leaves the shelves to whoever comes, and removes those that hold nothing. Never rejects. */
  async close(isFull: (shelf: Shelf) => boolean): Promise<void> {
    this.stop();
    await this.#watching;
    for (const shelf of this.#shelves) {
      if (isFull(shelf)) await shelf.giveUp().catch(() => {});
      else await shelf.remove();
    }
    this.#shelves.clear();
  }

  /** The same at once. Never throws. */
  closeSync(isFull: (shelf: Shelf) => boolean): void {
    this.stop();
    for (const shelf of this.#shelves) {
      try {
        if (isFull(shelf)) shelf.giveUpSync();
        else shelf.removeSync();
      } catch {
        // Then it is taken over when its lease has run out.
      }
    }
    this.#shelves.clear();
  }

  /** Timed from beat to beat, however long the disk takes. */
  #beat(): void {
    const { clock, settings } = this.#context;
    this.#cancelBeat = clock.timer(() => this.#beat(), settings.leaseMillis / BEATS_PER_LEASE, false, true);
    for (const shelf of this.#shelves) void this.confirm(shelf);
    this.#listener.beat();
    this.#watching ??= this.#lookAround().finally(() => {
      this.#watching = undefined;
    });
  }

  async #lookAround(): Promise<void> {
    const { settings, files } = this.#context;
    try {
      if (!this.#hasDirectory) await makeDirectory(settings.directory, files);
      this.#hasDirectory = true;
      const isOwn = (name: string) => [...this.#shelves].some((shelf) => shelf.name === name);
      const { left, otherBytes, newer } = await this.#watch.look(isOwn);
      this.#listener.surveyed(otherBytes);
      if (newer.length > 0) {
        this.#listener.warn(
          'spool version',
          'the spool holds records of a newer version of otel-spillway, which are left alone',
        );
      }
      for (const shelf of left) if (!this.#isStopped) await this.#adopt(shelf);
    } catch (error) {
      if (isMissing(error)) return;
      this.#listener.warn('spool watch', `the spool cannot be looked through: ${reasonOf(error)}`);
    }
  }

  async #adopt(left: LeftShelf): Promise<void> {
    try {
      const shelf = await adoptShelf(left, this.#context);
      if (shelf === undefined) return;
      this.#shelves.add(shelf);
      const segments = await scanShelf(shelf, this.#context);
      if (!shelf.isLost) this.#listener.adopted(shelf, segments);
    } catch (error) {
      if (isMissing(error)) return;
      this.#listener.warn('spool recovery', `records in the spool cannot be taken over: ${reasonOf(error)}`);
    }
  }
}
