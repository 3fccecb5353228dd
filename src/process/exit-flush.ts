/** Flushes what is queued when the process ends by itself, within a bound. */

/** What tells of the end of a process: Node's `process`, or one that a test plays. */
export interface ProcessEvents {
  on(event: 'beforeExit' | 'exit', listener: () => void): unknown;
  off(event: 'beforeExit' | 'exit', listener: () => void): unknown;
}

/** Returns a promise that never rejects, and is settled within a bound of its own. */
type Flush = () => Promise<unknown>;

/** The second round is for what other listeners of 'beforeExit' emitted; one is in reserve. */
const MAX_ROUNDS = 3;

const ofProcess = new WeakMap<ProcessEvents, ExitFlushes>();

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
  const all = ofProcess.get(events) ?? new ExitFlushes();
  ofProcess.set(events, all);
  if (all.flushes.size === 0) events.on('beforeExit', all.onBeforeExit);
  all.flushes.add(flush);
  return () => {
    all.flushes.delete(flush);
    if (all.flushes.size === 0) events.off('beforeExit', all.onBeforeExit);
  };
}
