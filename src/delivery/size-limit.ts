/** Learns how large a request the destination accepts. */

/** Factor for the next request after a refusal. */
const SHRINK = 0.5;
const GROWTH = 2;
/** Destinations change: a learnt limit expires after this time. */
const TRUSTED_MILLIS = 3_600_000;
/** A request larger than an accepted one by no more than this factor is not refused for its size. */
const ALIKE = 1.1;
/** Smaller requests do not help a destination that lacks room: about 512 typical records, the stock processor's batch. */
const LEAST_FOR_ROOM_BYTES = 128 * 1024;
/** Initial limit after an outage; it doubles with each success. */
const RAMP_START_BYTES = 64 * 1024;

/** Two limits: one from refusals for size, which expires; one after a lack of room or an outage, which grows again. */
export class SizeLimit {
  #taught = Number.POSITIVE_INFINITY;
  #taughtAt = 0;
  #ramp = Number.POSITIVE_INFINITY;
  #lastAccepted = 0;
  /** Sizes of refused parts, without those that were accepted since. */
  #refusedParts: number[] = [];

  /** Infinity while no limit is known. */
  maxBytes(now: number): number {
    if (now - this.#taughtAt > TRUSTED_MILLIS) this.#taught = Number.POSITIVE_INFINITY;
    return Math.min(this.#taught, this.#ramp);
  }

  /** Refused for its size or that of one record. No limit is learnt if requests of this size are accepted. */
  refused(bytes: number, now: number): void {
    if (bytes <= this.#lastAccepted * ALIKE) return;
    // Halves differ in size: the tolerance lets both fit.
    this.#taught = Math.min(this.#taught, Math.ceil(bytes * SHRINK * ALIKE));
    this.#taughtAt = now;
  }

  /** One bad record causes one refused part of each size, which shows no limit; a second refused part of a size shows one. */
  refusedPart(bytes: number, now: number): void {
    const isSecond = this.#refusedParts.some((part) => bytes <= part * ALIKE && part <= bytes * ALIKE);
    if (isSecond) this.refused(bytes, now);
    else this.#refusedParts.push(bytes);
  }

  /** Refused for lack of room. If requests of this size were just accepted, size is not the reason. */
  lackedRoom(bytes: number): void {
    if (bytes <= this.#lastAccepted * ALIKE) return;
    this.#ramp = Math.min(this.#ramp, Math.max(LEAST_FOR_ROOM_BYTES, Math.ceil(bytes * SHRINK)));
  }

  /** Spreads the backlog of an outage, which must not arrive in the first moment. */
  recovered(): void {
    // The destination may have come back with another configuration.
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
