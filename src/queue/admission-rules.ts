/** Decides which records may enter the queue: by the shed rule, and by restrictions under memory pressure. */

import { validSeverity } from '../common/severity-counts.ts';
import type { EmittedRecord } from './log-batch.ts';

/** Records below `belowSeverity` are refused while the queue is fuller than `above` (0 to 1). */
export interface ShedRule {
  readonly above: number;
  readonly belowSeverity: number;
}

/** Limits under memory pressure, in addition to those of the queue. */
export interface Restriction {
  /** Replaces `maxQueueBytes` if smaller. */
  readonly maxBytes: number;
  /** Unprotected records that state a severity below this are refused; 0 refuses none, Infinity all. */
  readonly minSeverity: number;
}

interface Bounds {
  readonly maxQueueSize: number;
  readonly maxQueueBytes: number;
  readonly protectSeverity: number;
  readonly shed: ShedRule | undefined;
}

const UNRESTRICTED: Restriction = { maxBytes: Number.POSITIVE_INFINITY, minSeverity: 0 };

export class AdmissionRules {
  readonly #bounds: Bounds;
  // Products instead of quotients: no division per record.
  readonly #shedAboveRecords: number;
  readonly #shedAboveBytes: number;
  readonly #shedBelowSeverity: number;
  #restriction = UNRESTRICTED;
  #maxBytes: number;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#maxBytes = bounds.maxQueueBytes;
    this.#shedAboveRecords = (bounds.shed?.above ?? 1) * bounds.maxQueueSize;
    this.#shedAboveBytes = (bounds.shed?.above ?? 1) * bounds.maxQueueBytes;
    this.#shedBelowSeverity = bounds.shed?.belowSeverity ?? 0;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  get refusesUnprotected(): boolean {
    return this.#restriction.minSeverity === Number.POSITIVE_INFINITY;
  }

  restrict(restriction: Restriction | undefined): void {
    this.#restriction = restriction ?? UNRESTRICTED;
    this.#maxBytes = Math.min(this.#bounds.maxQueueBytes, this.#restriction.maxBytes);
  }

  /** Why a record is refused, regardless of its size, while the queue holds this much. */
  refusal(severity: number, records: number, bytes: number): 'shed' | 'memory_limit' | undefined {
    if (severity >= this.#bounds.protectSeverity) return undefined;
    if (this.refusesUnprotected) return 'memory_limit';
    // Severity 0 is unspecified: the record is not known to be unimportant.
    if (severity <= 0) return undefined;
    if (severity < this.#restriction.minSeverity) return 'memory_limit';
    if (
      severity < this.#shedBelowSeverity &&
      (records > this.#shedAboveRecords || bytes > this.#shedAboveBytes)
    ) {
      return 'shed';
    }
    return undefined;
  }
}

/** Reading the record may throw. */
export function severityOf(record: EmittedRecord): number {
  try {
    return validSeverity(record.severityNumber);
  } catch {
    return 0;
  }
}
