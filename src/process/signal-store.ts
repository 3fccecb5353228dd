/** Copies queues to disk when a signal arrives, as the process may not live until its shutdown has ended. */

import { processWide } from './process-wide.ts';

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
