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

/** What all processors have asked for at one event, and the listener that does it. */
interface Hook<T> {
  readonly members: Set<T>;
  readonly listener: () => void;
}

/** The second round is for records that other listeners of 'beforeExit' emitted, the third a reserve. */
const MAX_ROUNDS = 3;

const flushes = new WeakMap<ProcessEvents, Hook<Flush>>();
const exitStores = new WeakMap<ProcessEvents, Hook<() => void>>();

/** @returns a function that removes `flush`. */
export function flushBeforeExit(flush: Flush, events: ProcessEvents): () => void {
  return hooked('beforeExit', flush, events, flushes, flushingAll);
}

/** @returns a function that removes `store`. */
export function storeAtExit(store: () => void, events: ProcessEvents): () => void {
  return hooked('exit', store, events, exitStores, storingAll);
}

/** One listener for all processors: Node warns of a leak at eleven. */
function hooked<T>(
  event: 'beforeExit' | 'exit',
  member: T,
  events: ProcessEvents,
  hooks: WeakMap<ProcessEvents, Hook<T>>,
  listenerFor: (members: ReadonlySet<T>) => () => void,
): () => void {
  let hook = hooks.get(events);
  if (hook === undefined) {
    const members = new Set<T>();
    hook = { members, listener: listenerFor(members) };
    hooks.set(events, hook);
  }
  const { members, listener } = hook;
  if (members.size === 0) events.on(event, listener);
  members.add(member);
  return () => {
    members.delete(member);
    if (members.size === 0) events.off(event, listener);
  };
}

/*
 * 'beforeExit' is emitted each time the event loop runs empty, and work started in its listener keeps the process
 * alive. So `flush` must do nothing without new records; the limit is for applications that emit in every 'beforeExit'.
 */
function flushingAll(members: ReadonlySet<Flush>): () => void {
  let isFlushing = false;
  let rounds = 0;
  return () => {
    if (isFlushing || rounds >= MAX_ROUNDS) return;
    isFlushing = true;
    rounds++;
    void Promise.all(Array.from(members, (flush) => flush())).finally(() => {
      isFlushing = false;
    });
  };
}

/*
 * 'exit' is emitted for process.exit(), a natural end, and an uncaught exception or unhandled rejection. Only
 * synchronous work still happens. An error thrown here would change the exit code. Later listeners may still log.
 */
function storingAll(members: ReadonlySet<() => void>): () => void {
  return () => {
    for (const store of members) quietly(store);
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
