/** Renews the leases of this process's partitions and takes over orphaned ones. */

import type { Cancel } from '../common/clock.ts';
import type { SpoolListener } from './format/entry.ts';
import { isMissing, reasonOf } from './format/file-system.ts';
import { makeDirectory } from './ownership/directory-check.ts';
import { type OrphanedPartition, OrphanScanner, Pauses } from './ownership/lease-observer.ts';
import type { Partition } from './ownership/partition.ts';
import type { Segment } from './segments/segment.ts';
import type { SegmentList } from './segments/segment-list.ts';
import { scanPartition, type TakeoverContext, takeOverPartition, warnOfNewer } from './takeover.ts';

/** Renewals, and scans for orphans, per `leaseMillis`. */
const HEARTBEATS_PER_LEASE = 4;

export interface LeaseKeeperListener extends Pick<SpoolListener, 'wake' | 'warn'> {
  /** A segment of a partition that was taken over. */
  foundSegment(segment: Segment): void;
  /** All segments of a partition that was taken over have been found. */
  scannedPartition(partition: Partition): void;
  /** @param isTakenOver false if the partition is gone instead. */
  ownershipLost(partition: Partition, isTakenOver: boolean): void;
  scanned(otherBytes: number): void;
  heartbeat(): void;
}

export class LeaseKeeper {
  readonly #context: TakeoverContext;
  readonly #listener: LeaseKeeperListener;
  readonly #scanner: OrphanScanner;
  readonly #partitions = new Set<Partition>();
  /** Whether the directory existed or could be made at the last attempt. */
  #hasDirectory = false;
  #scanning: Promise<void> | undefined;
  #cancelHeartbeat: Cancel | undefined;
  #isStopped = false;

  constructor(context: TakeoverContext, listener: LeaseKeeperListener) {
    this.#context = context;
    this.#listener = listener;
    this.#scanner = new OrphanScanner(context.settings, context.clock, context.files);
  }

  start(hasDirectory: boolean): void {
    this.#hasDirectory = hasDirectory;
    this.#heartbeat();
  }

  add(partition: Partition): void {
    this.#partitions.add(partition);
  }

  /** Removes an empty partition. Never rejects. */
  async remove(partition: Partition): Promise<void> {
    this.#partitions.delete(partition);
    await partition.remove();
  }

  /** @returns whether all leases are valid; others are being renewed. */
  renewLapsed(now: number): boolean {
    let areValid = true;
    for (const partition of this.#partitions) {
      if (partition.lease.isValid(now)) continue;
      areValid = false;
      if (!this.#isStopped) void this.confirm(partition);
    }
    return areValid;
  }

  /** Renews a partition's lease. Never rejects. @returns whether this process certainly owns the partition. */
  async confirm(partition: Partition): Promise<boolean> {
    if (partition.isOwnershipLost) return false;
    const wasValid = partition.lease.isValid(this.#context.clock.now());
    const renewal = await partition.lease.renew();
    // An empty partition may have been removed during the renewal.
    if (!this.#partitions.has(partition)) return false;
    const isGone = renewal === 'lost' || renewal === 'vanished';
    if (isGone && !this.#isStopped) {
      partition.isOwnershipLost = true;
      this.#partitions.delete(partition);
      this.#listener.ownershipLost(partition, renewal === 'lost');
    }
    if (renewal === 'held' && !wasValid) this.#listener.wake();
    return renewal === 'held' && !partition.isOwnershipLost;
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelHeartbeat?.();
  }

  /** Releases partitions for takeover and removes empty ones. Never rejects. */
  async close(segments: Pick<SegmentList, 'mayHave'>): Promise<void> {
    this.stop();
    await this.#scanning;
    for (const partition of this.#partitions) {
      if (segments.mayHave(partition)) await partition.release().catch(() => {});
      else await partition.remove();
    }
    this.#partitions.clear();
  }

  /** Synchronous {@link close}. Never throws. */
  closeSync(segments: Pick<SegmentList, 'mayHave'>): void {
    this.stop();
    for (const partition of this.#partitions) {
      try {
        if (segments.mayHave(partition)) partition.releaseSync();
        else partition.removeSync();
      } catch {
        // It is taken over once its lease has expired.
      }
    }
    this.#partitions.clear();
  }

  /** Sets the next timer first, so that a slow disk does not delay it. */
  #heartbeat(): void {
    const { clock, settings } = this.#context;
    this.#cancelHeartbeat = clock.timer(
      () => this.#heartbeat(),
      settings.leaseMillis / HEARTBEATS_PER_LEASE,
      false,
      true,
    );
    for (const partition of this.#partitions) void this.confirm(partition);
    this.#listener.heartbeat();
    this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = undefined;
    });
  }

  async #scan(): Promise<void> {
    const { settings, files } = this.#context;
    try {
      if (!this.#hasDirectory) await makeDirectory(settings.directory, files);
      this.#hasDirectory = true;
      const isOwn = (name: string) => [...this.#partitions].some((partition) => partition.name === name);
      const { orphans, otherBytes, hasNewer } = await this.#scanner.scan(isOwn);
      this.#listener.scanned(otherBytes);
      if (hasNewer) warnOfNewer(this.#listener);
      const pauses = new Pauses(this.#context.clock);
      for (const partition of orphans) {
        if (this.#isStopped) return;
        await this.#takeOver(partition);
        await pauses.afterPartition();
      }
    } catch (error) {
      if (isMissing(error)) return;
      this.#listener.warn('spool watch', `the spool cannot be looked through: ${reasonOf(error)}`);
    }
  }

  async #takeOver(orphan: OrphanedPartition): Promise<void> {
    try {
      const partition = await takeOverPartition(orphan, this.#context);
      if (partition === undefined) return;
      this.#partitions.add(partition);
      for await (const segment of scanPartition(partition, this.#context)) {
        if (partition.isOwnershipLost || this.#isStopped) return;
        this.#listener.foundSegment(segment);
      }
      partition.isScanned = true;
      this.#listener.scannedPartition(partition);
    } catch (error) {
      if (isMissing(error)) return;
      this.#listener.warn('spool recovery', `records in the spool cannot be taken over: ${reasonOf(error)}`);
    }
  }
}
