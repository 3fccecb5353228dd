/** Who instruments a logger: this package, or an SDK that the application starts, and each record would be sent twice. */

const INSTRUMENTATION = '@opentelemetry/instrumentation-';

/**
 * Every instrumentation asks the registered provider for a logger when it is constructed, under the name of its package.
 * Those of others are constructed before the application makes its first logger, or patch nothing.
 */
export class Claims {
  readonly #ours = new Set<string>();
  readonly #theirs = new Set<string>();
  readonly #onOthers: () => void;
  #isOpen = false;

  /** @param onOthers called when somebody else instruments something: an SDK is about to start. */
  constructor(onOthers: () => void) {
    this.#onOthers = onOthers;
  }

  /** From now on whatever is constructed is not this package's. */
  open(): void {
    this.#isOpen = true;
  }

  /** The provider is asked for a logger. */
  asked(scope: string): void {
    if (!this.#isOpen || !scope.startsWith(INSTRUMENTATION) || this.#ours.has(scope)) return;
    this.#theirs.add(scope);
    this.#onOthers();
  }

  /** The application makes a logger. @returns whether it is for the instrumentation of this package to send its records. */
  isOurs(instrumentation: string): boolean {
    if (!this.#isOpen) return true;
    if (this.#theirs.has(instrumentation)) return false;
    this.#ours.add(instrumentation);
    return true;
  }
}
