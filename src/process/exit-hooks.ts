/** Hooks into the ends of the process: a flush at `beforeExit`, a synchronous store at `exit`, a store at a signal. */

import { quietly } from '../common/errors.ts';
import { processWide } from '../common/package.ts';

/** Node's `process`, or a stand-in for it in tests. */
export interface ProcessEvents {
  on(event: 'beforeExit' | 'exit', listener: () => void): unknown;
  off(event: 'beforeExit' | 'exit', listener: () => void): unknown;
}

/** The promise never rejects and settles within a bound of its own. */
type Flush = () => Promise<unknown>;

/** The second round is for records that other listeners of 'beforeExit' emitted, the third a reserve. */
const MAX_ROUNDS = 3;

const flushesOf = new WeakMap<ProcessEvents, ExitFlushes>();

/*
 * 'beforeExit' is emitted each time the event loop runs empty, and work started in its listener keeps the process
 * alive. So `flush` must do nothing without new records; the limit is for applications that emit in every 'beforeExit'.
 */
class ExitFlushes {
  readonly flushes = new Set<Flush>();
  #isFlushing = false;
  #rounds = 0;

  readonly onBeforeExit = (): void => {
    if (this.#isFlushing || this.#rounds >= MAX_ROUNDS) return;
    this.#isFlushing = true;
    this.#rounds++;
    void Promise.all(Array.from(this.flushes, (flush) => flush())).finally(() => {
      this.#isFlushing = false;
    });
  };
}

/** One listener for all processors: Node warns of a leak at eleven. @returns a function that removes `flush`. */
export function flushBeforeExit(flush: Flush, events: ProcessEvents): () => void {
  const all = flushesOf.get(events) ?? new ExitFlushes();
  flushesOf.set(events, all);
  if (all.flushes.size === 0) events.on('beforeExit', all.onBeforeExit);
  all.flushes.add(flush);
  return () => {
    all.flushes.delete(flush);
    if (all.flushes.size === 0) events.off('beforeExit', all.onBeforeExit);
  };
}

const storesOf = new WeakMap<ProcessEvents, ExitStores>();

/*
 * 'exit' is emitted for process.exit(), a natural end, and an uncaught exception or unhandled rejection. Only
 * synchronous work still happens. An error thrown here would change the exit code. Later listeners may still log.
 */
class ExitStores {
  readonly stores = new Set<() => void>();

  readonly onExit = (): void => {
    for (const store of this.stores) quietly(store);
  };
}

/** One listener for all processors: Node warns of a leak at eleven. @returns a function that removes `store`. */
export function storeAtExit(store: () => void, events: ProcessEvents): () => void {
  const all = storesOf.get(events) ?? new ExitStores();
  storesOf.set(events, all);
  if (all.stores.size === 0) events.on('exit', all.onExit);
  all.stores.add(store);
  return () => {
    all.stores.delete(store);
    if (all.stores.size === 0) events.off('exit', all.onExit);
  };
}

/** The promise never rejects and settles within a bound of its own. */
type Store = () => Promise<void>;

const stores = processWide('signal-stores', () => new Set<Store>());

/** @returns a function that removes `store`. */
export function storeOnSignal(store: Store): () => void {
  stores.add(store);
  return () => {
    stores.delete(store);
  };
}

export function storeAll(): Promise<unknown> | undefined {
  return stores.size === 0 ? undefined : Promise.all(Array.from(stores, (store) => store()));
}
