/** Decides who instruments a logger, this package or an SDK of the application: if both did, records would be sent twice. */

const INSTRUMENTATION = '@opentelemetry/instrumentation-';

/**
 * On construction, an instrumentation asks the registered provider for a logger, with its package name. Those of the
 * application are constructed before the application creates its first logger, or they patch nothing.
 */
export class Claims {
  readonly #ours = new Set<string>();
  readonly #theirs = new Set<string>();
  readonly #onOthers: () => void;
  #isOpen = false;

  /** @param onOthers called when another instrumentation appears: an SDK is about to start. */
  constructor(onOthers: () => void) {
    this.#onOthers = onOthers;
  }

  /** Instrumentations constructed from now on are not this package's. */
  open(): void {
    this.#isOpen = true;
  }

  /** Called when the provider is asked for a logger. */
  asked(scope: string): void {
    if (!this.#isOpen || !scope.startsWith(INSTRUMENTATION) || this.#ours.has(scope)) return;
    this.#theirs.add(scope);
    this.#onOthers();
  }

  /** Called when the application creates a logger. @returns whether this package's instrumentation sends its records. */
  isOurs(instrumentation: string): boolean {
    if (!this.#isOpen) return true;
    if (this.#theirs.has(instrumentation)) return false;
    this.#ours.add(instrumentation);
    return true;
  }
}
