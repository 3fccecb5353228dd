/** Copies what waits to disk when a signal asks the process to end: whatever comes between that and its end. */

import { processWide } from './process-wide.ts';

/** Returns a promise that never rejects, and is settled within a bound of its own. */
type Store = () => Promise<void>;

const stores = processWide('signal-stores', () => new Set<Store>());

/** @returns stops it. */
export function storeOnSignal(store: Store): () => void {
  stores.add(store);
  return () => {
    stores.delete(store);
  };
}

/** @returns undefined when there is nothing to wait for. */
export function storeAll(): Promise<unknown> | undefined {
  return stores.size === 0 ? undefined : Promise.all(Array.from(stores, (store) => store()));
}
