/** Writes what is left to disk when the process ends in whatever way it is told of. */

import { quietly } from '../common/errors.ts';
import type { ProcessEvents } from './exit-flush.ts';

const ofProcess = new WeakMap<ProcessEvents, ExitStores>();

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
  const all = ofProcess.get(events) ?? new ExitStores();
  ofProcess.set(events, all);
  if (all.stores.size === 0) events.on('exit', all.onExit);
  all.stores.add(store);
  return () => {
    all.stores.delete(store);
    if (all.stores.size === 0) events.off('exit', all.onExit);
  };
}
