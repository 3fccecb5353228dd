/** Reasons for dropped records, codes of errors, and the safe printing of thrown values. */

/**
 * Why a record was dropped. These strings are part of the public contract: they are the keys of
 * `stats().dropped`, the values of the metric attribute `spillway.drop.reason`, and, for dropped
 * records, of `error.type` on `otel.sdk.processor.log.processed`.
 */
export const DROP_REASONS = [
  /** The queue was at `maxQueueSize` or `maxQueueBytes`. */
  'queue_full',
  /** The process was short of memory: see the option `memoryLimit`. */
  'memory_limit',
  /** Larger than the collector accepts even when it is sent alone. */
  'record_too_large',
  /** Refused on admission by the option `shed`. */
  'shed',
  /** The collector or the exporter refused it for good, a partial success included. */
  'rejected',
  /** Still failing when `retry.maxElapsedMillis` had passed. */
  'retry_exhausted',
  /** It could not be read, or the exporter throws on it. */
  'unserializable',
  /** Emitted inside a processor's own export or a callback of it, or by code that ran while it was admitting another record. */
  'self',
  /** Emitted after `shutdown()` was called. */
  'already_shutdown',
  /** Left over when the shutdown deadline passed, and there is no spool, or the disk failed. */
  'shutdown',
  /** Evicted from a full spool: the oldest records in it. */
  'spool_full',
  /** Lost to damage on disk. */
  'spool_corrupt',
] as const;

/** One of {@link DROP_REASONS}. */
export type DropReason = (typeof DROP_REASONS)[number];

/**
 * What a {@link SpillwayError} says by its `code`:
 *
 * - `ERR_SPILLWAY_OPTION`: the constructor was given an option of the wrong type or out of range.
 * - `ERR_SPILLWAY_NODE_VERSION`: something was constructed on a Node that is too old.
 * - `ERR_SPILLWAY_FLUSH_TIMEOUT`: `forceFlush()` ran out of time; the records stay queued.
 * - `ERR_SPILLWAY_UNAVAILABLE`: `forceFlush()` cannot succeed in its time because the breaker is open, or
 *   the collector asked not to be called, for longer than that; the records stay queued.
 * - `ERR_SPILLWAY_SHUTDOWN`: `ready()` was waiting, or was called, when the processor shut down.
 * - `ERR_SPILLWAY_EXPORT`: given to `onError`: an attempt to export failed; `cause` is the exporter's error.
 */
export type SpillwayErrorCode =
  | 'ERR_SPILLWAY_OPTION'
  | 'ERR_SPILLWAY_NODE_VERSION'
  | 'ERR_SPILLWAY_FLUSH_TIMEOUT'
  | 'ERR_SPILLWAY_UNAVAILABLE'
  | 'ERR_SPILLWAY_SHUTDOWN'
  | 'ERR_SPILLWAY_EXPORT';

/** Every error this package creates; recognise it by `code`, not by `instanceof` (copies of a package differ). */
export class SpillwayError extends Error {
  /** Always `SpillwayError`. */
  override readonly name = 'SpillwayError';
  /** What went wrong, for programs; the message is for people and may change. */
  readonly code: SpillwayErrorCode;

  /** Called by this package only. */
  constructor(code: SpillwayErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const MAX_CAUSE_LENGTH = 300;

/** The message of anything that can be thrown, without trusting it: a thrown value may be hostile itself. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message || error.name : String(error);
  } catch {
    return 'unprintable error';
  }
}

/** {@link messageOf} on one line, without control characters and of bounded length: a proxy may answer with a whole page. */
export function causeOf(error: unknown): string {
  const text = messageOf(error)
    .slice(0, 4 * MAX_CAUSE_LENGTH)
    .replace(/[\p{Cc}\p{Default_Ignorable_Code_Point}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  return text.length > MAX_CAUSE_LENGTH ? `${text.slice(0, MAX_CAUSE_LENGTH)} …` : text;
}

/** Runs reporting code of the application and ignores its errors. */
export function quietly(run: () => void): void {
  try {
    run();
  } catch {
    // A MeterProvider that fails must not cost a record, nor end the process.
  }
}
