/** A batch's copy on disk, as far as the queue has to know of it. */

/** The parts of a batch share its copy. */
export interface DiskCopy {
  /** Whether it is there, and ours: a copy can be evicted when its disk space is needed. */
  readonly isStored: boolean;
  /** Whether it had to give way to others on disk. */
  readonly isEvicted: boolean;
  /** Whether another process has taken the copy over, and will send it. */
  readonly isTakenOver: boolean;
  /** Whether the batch may leave memory now; not while another part of it is still here. */
  readonly isReleasable: boolean;
  /** Whether what it is a copy of may be sent: not while another process may have taken it over unnoticed. */
  maySend(now: number): boolean;
  /** One more part of the batch shares it. */
  split(): void;
  /** So many records of a part, from that position of the whole batch on, are done with; so is the part. */
  settle(offset: number, records: number): void;
  /** A part leaves memory; with the last of them, what is not settled is the disk's to keep. */
  release(): void;
}
