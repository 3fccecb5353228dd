/** Seeded chance: the same seed gives the same numbers, in every run and on every machine. */

export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A number in [0, 1), with 32 bits of chance: mulberry32, by Tommy Ettinger, in the public domain. */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  readonly bytes = (count: number): Buffer => {
    const bytes = Buffer.alloc(count);
    for (let index = 0; index < count; index++) bytes[index] = Math.floor(this.next() * 256);
    return bytes;
  };

  /** Another source, whose numbers do not depend on how many are taken from this one afterwards. */
  fork(): Chance {
    return new Chance(Math.floor(this.next() * 2 ** 32));
  }
}
