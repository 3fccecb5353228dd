/** What happens when the process ends by itself: a flush at `beforeExit`, and what is left goes to disk at `exit`. */

import { quietly } from '../common/errors.ts';

/** What tells of the end of a process: Node's `process`, or one that a test plays. */
export interface ProcessEvents {
  on(event: 'beforeExit' | 'exit', listener: () => void): unknown;
  off(event: 'beforeExit' | 'exit', listener: () => void): unknown;
}

/** Returns a promise that never rejects, and is settled within a bound of its own. */
type Flush = () => Promise<unknown>;

/** The second round is for what other listeners of 'beforeExit' emitted; one is in reserve. */
const MAX_ROUNDS = 3;

const flushesOf = new WeakMap<ProcessEvents, ExitFlushes>();

/*
 * 'beforeExit' is emitted each time the event loop runs empty. Work started in its listener keeps the
 * process alive, so a flush that cannot succeed must not start another: `flush` is expected to do nothing
 * when nothing new was emitted since the last time. An application that emits in every 'beforeExit' would
 * still keep itself alive for ever, hence the limit.
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

/** One listener for all processors: Node warns of a leak at eleven. @returns stops it. */
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
 * 'exit' is emitted for process.exit(), for a natural end, and after an uncaught exception or an unhandled
 * rejection has been reported; only what is synchronous still happens. Nothing of the exit is changed: not its
 * code, which an error thrown here would change, nor what other listeners do. A listener that comes after this one may still log.
 */
class ExitStores {
  readonly stores = new Set<() => void>();

  readonly onExit = (): void => {
    for (const store of this.stores) quietly(store);
  };
}

/** One listener for all processors: Node warns of a leak at eleven. @returns stops it. */
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
