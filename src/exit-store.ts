/** Writes what is left to disk when the process ends in whatever way it is told of. */

import { quietly } from './errors.ts';

const stores = new Set<() => void>();

/*
 * 'exit' is emitted for process.exit(), for a natural end, and after an uncaught exception or an unhandled
 * rejection has been reported; only what is synchronous still happens. Nothing of the exit is changed: not its
 * code, which an error thrown here would change, nor what other listeners do. A listener that comes after this one may still log.
 */
function onExit(): void {
  for (const store of stores) quietly(store);
}

/** One listener for all processors: Node warns of a leak at eleven. @returns stops it. */
export function storeAtExit(store: () => void): () => void {
  if (stores.size === 0) process.on('exit', onExit);
  stores.add(store);
  return () => {
    stores.delete(store);
    if (stores.size === 0) process.off('exit', onExit);
  };
}
