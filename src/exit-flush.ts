/** Flushes what is queued when the process ends by itself, within a bound. */

/** Returns a promise that never rejects, and is settled within a bound of its own. */
type Flush = () => Promise<unknown>;

const flushes = new Set<Flush>();
let isFlushing = false;

/** The second round is for what other listeners of 'beforeExit' emitted; one is in reserve. */
const MAX_ROUNDS = 3;
let rounds = 0;

/*
 * 'beforeExit' is emitted each time the event loop runs empty. Work started in its listener keeps the
 * process alive, so a flush that cannot succeed must not start another: `flush` is expected to do nothing
 * when nothing new was emitted since the last time. An application that emits in every 'beforeExit' would
 * still keep itself alive for ever, hence the limit.
 */
function onBeforeExit(): void {
  if (isFlushing || rounds >= MAX_ROUNDS) return;
  isFlushing = true;
  rounds++;
  void Promise.all(Array.from(flushes, (flush) => flush())).finally(() => {
    isFlushing = false;
  });
}

/** One listener for all processors: Node warns of a leak at eleven. @returns stops it. */
export function flushBeforeExit(flush: Flush): () => void {
  if (flushes.size === 0) process.on('beforeExit', onBeforeExit);
  flushes.add(flush);
  return () => {
    flushes.delete(flush);
    if (flushes.size === 0) process.off('beforeExit', onBeforeExit);
  };
}
