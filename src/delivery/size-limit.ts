/** The largest request the destination takes, as far as it has let that be known. */

/** So many requests near the limit have to be taken before a larger one is tried. */
const TRUST = 100;
const GROWTH = 1.5;
/** A little more than a half: the halves of the batch that was refused are not to be split again. */
const REMAINDER = 0.6;

/** Remembers what was refused as too large, so that not every batch has to be refused to find out again. */
export class SizeLimit {
  #maxBytes = Number.POSITIVE_INFINITY;
  #taken = 0;

  /** Infinity while nothing was refused. */
  get maxBytes(): number {
    return this.#maxBytes;
  }

  refused(bytes: number): void {
    this.#maxBytes = Math.min(this.#maxBytes, Math.ceil(bytes * REMAINDER));
    this.#taken = 0;
  }

  /** Limits change too: after a while a larger request is risked. */
  taken(bytes: number): void {
    if (bytes * GROWTH < this.#maxBytes) return;
    if (++this.#taken < TRUST) return;
    this.#maxBytes = Math.ceil(this.#maxBytes * GROWTH);
    this.#taken = 0;
  }
}
