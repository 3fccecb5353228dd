/** A model of the queue in plain arrays of records, without batches: who is in it, who is dropped, who leaves first. */

import type { DropReason } from '../../src/common/errors.ts';
import type { EmittedRecord } from '../../src/queue/log-batch.ts';
import type { QueueLimits } from '../../src/queue/queue-contract.ts';
import { RecordBatch } from '../../src/records/record-batch.ts';

export interface ModelRecord {
  readonly id: number;
  readonly severity: number;
  readonly bytes: number;
  readonly admittedAt: number;
  /** Whether it was handed out before. */
  passed: boolean;
  notBefore: number;
}

export interface ModelDrop {
  readonly id: number;
  readonly reason: DropReason;
  readonly passed: boolean;
}

const byId = (a: ModelRecord, b: ModelRecord) => a.id - b.id;
const sumBytes = (records: readonly ModelRecord[]) => records.reduce((sum, { bytes }) => sum + bytes, 0);

export class QueueModel {
  readonly #limits: QueueLimits;
  /** Both classes in the order of admission. */
  ordinary: ModelRecord[] = [];
  protected: ModelRecord[] = [];
  inFlight: ModelRecord[] = [];
  maxBytes: number;
  #minSeverity = 0;
  /** What the last step dropped, in order. */
  drops: ModelDrop[] = [];

  constructor(limits: QueueLimits) {
    this.#limits = limits;
    this.maxBytes = limits.maxQueueBytes;
  }

  get waiting(): ModelRecord[] {
    return [...this.protected, ...this.ordinary];
  }

  get held(): ModelRecord[] {
    return [...this.waiting, ...this.inFlight];
  }

  get bytes(): number {
    return sumBytes(this.waiting);
  }

  get inFlightBytes(): number {
    return sumBytes(this.inFlight);
  }

  get keepsProtectedOnly(): boolean {
    return this.#minSeverity === Number.POSITIVE_INFINITY;
  }

  adapterFor({ severity }: Pick<ModelRecord, 'severity'>): ModelRecord[] {
    return severity >= this.#limits.protectSeverity ? this.protected : this.ordinary;
  }

  /** What may be taken now, in order, if nothing has to wait for company. */
  candidates(now: number): ModelRecord[] {
    return this.waiting.filter(({ notBefore }) => notBefore <= now);
  }

  refusal(severity: number): DropReason | undefined {
    const { protectSeverity, shed, maxQueueSize, maxQueueBytes } = this.#limits;
    if (severity >= protectSeverity) return undefined;
    if (this.keepsProtectedOnly) return 'memory_limit';
    if (severity === 0) return undefined;
    if (severity < this.#minSeverity) return 'memory_limit';
    if (shed === undefined || severity >= shed.belowSeverity) return undefined;
    const isFuller =
      this.held.length > shed.above * maxQueueSize || sumBytes(this.held) > shed.above * maxQueueBytes;
    return isFuller ? 'shed' : undefined;
  }

  admit(record: ModelRecord): void {
    const refusal = this.refusal(record.severity);
    if (refusal !== undefined) this.#drop(record, refusal);
    else {
      this.adapterFor(record).push(record);
      this.#relieve();
    }
  }

  take(ids: readonly number[]): ModelRecord[] {
    const taken = this.waiting.filter(({ id }) => ids.includes(id));
    for (const record of taken) record.passed = true;
    this.#remove(taken);
    this.inFlight.push(...taken);
    return taken;
  }

  settle(records: readonly ModelRecord[]): void {
    this.inFlight = this.inFlight.filter((record) => !records.includes(record));
  }

  requeue(records: readonly ModelRecord[], notBefore: number): void {
    this.settle(records);
    const isKept = ({ severity }: ModelRecord) =>
      severity >= this.#limits.protectSeverity || !this.keepsProtectedOnly;
    for (const record of records) {
      if (!isKept(record)) {
        this.#drop(record, 'memory_limit');
        continue;
      }
      record.notBefore = notBefore;
      this.adapterFor(record).push(record);
    }
    this.ordinary.sort(byId);
    this.protected.sort(byId);
    this.#relieve();
  }

  retryNow(): void {
    for (const record of this.waiting) record.notBefore = 0;
  }

  restrict(maxBytes: number, minSeverity: number): void {
    this.maxBytes = Math.min(this.#limits.maxQueueBytes, maxBytes);
    this.#minSeverity = minSeverity;
    this.#relieve();
  }

  discard(records: readonly ModelRecord[], reason: DropReason): void {
    for (const record of records) this.#drop(record, reason);
    this.#remove(records);
    this.settle(records);
  }

  #relieve(): void {
    for (;;) {
      const isCrowded = this.held.length > this.#limits.maxQueueSize;
      if (!isCrowded && sumBytes(this.held) <= this.maxBytes) return;
      const lane = this.ordinary.length > 0 ? this.ordinary : this.protected;
      const loser = this.#limits.overflow === 'drop-oldest' ? lane[0] : lane.at(-1);
      if (loser === undefined) return;
      this.#remove([loser]);
      const isShortOfMemory = !isCrowded && this.maxBytes < this.#limits.maxQueueBytes;
      this.#drop(loser, isShortOfMemory ? 'memory_limit' : 'queue_full');
    }
  }

  #remove(records: readonly ModelRecord[]): void {
    this.ordinary = this.ordinary.filter((record) => !records.includes(record));
    this.protected = this.protected.filter((record) => !records.includes(record));
  }

  #drop({ id, passed }: ModelRecord, reason: DropReason): void {
    this.drops.push({ id, reason, passed });
  }
}

/** The batch under test, which in addition writes down who leaves it at either end. */
export class WatchedBatch extends RecordBatch {
  lost: number[] = [];

  /** @param lost shared by all batches of a queue. */
  static open(maxRecordBytes: number, lost: number[]): WatchedBatch {
    return Object.assign(new WatchedBatch(maxRecordBytes), { lost });
  }

  get ids(): number[] {
    return this.toArray().map(({ body }) => body as unknown as number);
  }

  override add(record: EmittedRecord): number {
    const size = super.add(record);
    // It was taken out of one batch to open the next one.
    const index = this.lost.indexOf(this.ids.at(-1) as number);
    if (index >= 0) this.lost.splice(index, 1);
    return size;
  }

  override shift(): number {
    this.lost.push(this.ids[0] as number);
    return super.shift();
  }

  override pop(): number {
    this.lost.push(this.ids.at(-1) as number);
    return super.pop();
  }

  override split(records: number): WatchedBatch {
    const part: object = super.split(records);
    Object.setPrototypeOf(part, WatchedBatch.prototype);
    return Object.assign(part as WatchedBatch, { lost: this.lost });
  }
}
