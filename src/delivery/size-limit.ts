/** How large a request may be, as far as the destination has let that be known. */

/** Half of what was refused is tried next. */
const SHRINK = 0.5;
const GROWTH = 2;
/** Limits change, too: one that was learnt is tried again after this time. */
const TRUSTED_MILLIS = 3_600_000;
/** A request that is larger by so little than one that has just been accepted is not refused for its size. */
const ALIKE = 1.1;
/**
 * A destination that lacks room is not helped by requests that are smaller than this: about 512 typical records, the
 * batch of the stock processor.
 */
const LEAST_FOR_ROOM_BYTES = 128 * 1024;
/** After an outage requests start at this size and double with each success. */
const RAMP_START_BYTES = 64 * 1024;

/**
 * Two limits. One was taught by refusals for size and holds until it is old. The other is for a destination that lacks
 * room or comes back from an outage: it grows again with each success.
 */
export class SizeLimit {
  #taught = Number.POSITIVE_INFINITY;
  #taughtAt = 0;
  #ramp = Number.POSITIVE_INFINITY;
  #lastAccepted = 0;
  /** Sizes at which one part of a refused batch was refused as well, and nothing was accepted since. */
  #refusedParts: number[] = [];

  /** Infinity while nothing was refused, and beyond all bounds a while after that. */
  maxBytes(now: number): number {
    if (now - this.#taughtAt > TRUSTED_MILLIS) this.#taught = Number.POSITIVE_INFINITY;
    return Math.min(this.#taught, this.#ramp);
  }

  /** Refused for its size, or for that of one record in it: where others of this size are accepted, nothing is learnt. */
  refused(bytes: number, now: number): void {
    if (bytes <= this.#lastAccepted * ALIKE) return;
    // Halves are not alike: each of them fits.
    this.#taught = Math.min(this.#taught, Math.ceil(bytes * SHRINK * ALIKE));
    this.#taughtAt = now;
  }

  /**
   * A part of a batch that was refused. Where one record is at fault, of all parts of a size the one that has it is
   * refused, which is no measure for what others can be sent in; where two are, it is their size.
   */
  refusedPart(bytes: number, now: number): void {
    const isSecond = this.#refusedParts.some((part) => bytes <= part * ALIKE && part <= bytes * ALIKE);
    if (isSecond) this.refused(bytes, now);
    else this.#refusedParts.push(bytes);
  }

  /** Refused for want of room. Where requests of this size have just been accepted, size is not the reason. */
  lackedRoom(bytes: number): void {
    if (bytes <= this.#lastAccepted * ALIKE) return;
    this.#ramp = Math.min(this.#ramp, Math.max(LEAST_FOR_ROOM_BYTES, Math.ceil(bytes * SHRINK)));
  }

  /** The destination is back from an outage: what backed up meanwhile is not all to arrive in its first moment. */
  recovered(): void {
    // It may have come back with another configuration.
    this.#taught = Number.POSITIVE_INFINITY;
    this.#refusedParts = [];
    this.#ramp = RAMP_START_BYTES;
  }

  taken(bytes: number): void {
    this.#lastAccepted = bytes;
    this.#refusedParts = this.#refusedParts.filter((part) => part > bytes * ALIKE);
    this.#ramp *= GROWTH;
  }
}
