/** The one way in which news comes up: something has changed, so look again. */

/**
 * Parts are given it when they are built and raise it; those that are to look are added when they are there. What looks does
 * so in a turn of its own, once for however many calls: raising it is cheap, and calls nothing back.
 */
export class Wake {
  readonly #sleepers: (() => void)[] = [];

  /** @param wake makes a part look in its next turn. */
  add(wake: () => void): void {
    this.#sleepers.push(wake);
  }

  readonly raise = (): void => {
    for (const wake of this.#sleepers) wake();
  };
}
