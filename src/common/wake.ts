/** The signal that something has changed, on which parts look again. */

/** Listeners are added once they exist, and only schedule work for a later turn, so that raising is cheap. */
export class Wake {
  readonly #sleepers: (() => void)[] = [];

  add(wake: () => void): void {
    this.#sleepers.push(wake);
  }

  readonly raise = (): void => {
    for (const wake of this.#sleepers) wake();
  };
}
