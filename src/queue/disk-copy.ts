/** The interface of a batch's copy on disk, which the parts of the batch share. */

export interface DiskCopy {
  /** Whether the copy exists and belongs to this process: it can be evicted or taken over. */
  readonly isStored: boolean;
  /** Whether the copy was deleted to free disk space. */
  readonly isEvicted: boolean;
  /** Whether another process owns the copy and will send it. */
  readonly isTakenOver: boolean;
  /** Whether the batch may leave memory now: not while another part of it is still here. */
  readonly isReleasable: boolean;
  /** False while another process may have taken the copy over unnoticed. */
  maySend(now: number): boolean;
  /** Another part shares the copy from now on. */
  split(): void;
  /** Settles a part: `records` records from position `offset` of the whole batch on. */
  settle(offset: number, records: number): void;
  /** A part leaves memory; after the last part, the disk keeps the unsettled records. */
  release(): void;
}
