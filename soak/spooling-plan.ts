/** What a process of the soak is told: what to log, and how to end. */

export interface SpoolingPlan {
  /** The records' bodies are `<name>/<number>`, from 0 on. */
  name: string;
  url: string;
  exporter: 'own' | 'stock';
  spool: {
    directory: string;
    mode: 'overflow' | 'always';
    fsync: 'never' | 'interval' | 'always';
    leaseMillis: number;
    maxBytes: number;
    replayShare: number;
    spillAfterOpenMillis: number;
  };
  scheduledDelayMillis: number;
  maxQueueSize: number;
  /** Milliseconds until a first retry, and until a breaker's first probe. */
  patienceMillis: number;
  requestTimeoutMillis: number;
  shutdownMillis: number;
  recordsPerTick: number;
  tickMillis: number;
  /** Records emitted at most; then it goes on without. */
  maxRecords: number;
  /** Characters added to each record. */
  padding: number;
  /** Milliseconds between calls of `forceFlush`; 0: none. */
  flushEveryMillis: number;
  /** Whether the system's clock is set back and forward, by seconds and by years, all the time. */
  hasWildClock: boolean;
  ending: SpoolingEnding;
}

export interface SpoolingEnding {
  /**
   * - `killed`, `signalled`: goes on until its parent ends it, with SIGKILL or SIGTERM.
   * - `impatient`: the same with SIGTERM, and soon after it with SIGKILL.
   * - `natural`: has nothing more to do.
   * - `drained`: ends when the spool is empty, and all of the directory.
   */
  kind:
    | 'killed'
    | 'signalled'
    | 'impatient'
    | 'natural'
    | 'exit'
    | 'throw'
    | 'reject'
    | 'out of memory'
    | 'drained';
  /** Milliseconds from the first record on. */
  afterMillis: number;
  /** Of `impatient`: from the one signal to the other. */
  impatienceMillis?: number;
  /** And not before there were so many turns of the event loop, and so many records that a flush has made safe. */
  notBefore?: { readonly ticks: number; readonly safe: number };
}

/** Of the ending `exit`. */
export const EXIT_CODE = 3;

export const SERVICE_NAME = 'spooling';
const SEVERITIES = [1, 5, 9, 9, 9, 13, 17, 21];
const FIRST_TIMESTAMP = 1_700_000_000_000;

/** What the record with a number is, besides its body. */
export function severityOf(number: number): number {
  return SEVERITIES[number % SEVERITIES.length] ?? 0;
}

export function scopeOf(number: number): string {
  return number % 2 === 0 ? 'even' : 'odd';
}

/** Since the Unix epoch. */
export function timestampOf(number: number): number {
  return FIRST_TIMESTAMP + number;
}
