/** The batch of the plain adapter: snapshots of records, for exporters that take `ReadableLogRecord`s. */

import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { noSeverities, type SeverityCounts, severityRange } from '../common/severity-counts.ts';
import type { BatchEnd, EmittedRecord, LogBatch } from '../queue/log-batch.ts';
import { RecordSnapshot } from './record-snapshot.ts';

export class RecordBatch implements LogBatch {
  readonly #maxRecordBytes: number;
  #items: (RecordSnapshot | undefined)[];
  // Records leave at both ends; a head index keeps that O(1).
  #head = 0;
  #bytes = 0;

  /** @param maxRecordBytes a larger record is cut down to this many (estimated) bytes. */
  constructor(maxRecordBytes: number, items: RecordSnapshot[] = []) {
    this.#maxRecordBytes = maxRecordBytes;
    this.#items = items;
    for (const item of items) this.#bytes += RecordSnapshot.bytesOf(item);
  }

  get records(): number {
    return this.#items.length - this.#head;
  }

  /** Estimated heap bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  get pendingResources(): EmittedRecord['resource'][] {
    const pending = new Set<EmittedRecord['resource']>();
    let previous: EmittedRecord['resource'] | undefined;
    for (let index = this.#head; index < this.#items.length; index++) {
      const { resource } = this.#items[index] as RecordSnapshot;
      // Consecutive records nearly always share their resource.
      if (resource === previous) continue;
      previous = resource;
      if (isPending(resource)) pending.add(resource);
    }
    return [...pending];
  }

  add(record: EmittedRecord): number {
    const snapshot = new RecordSnapshot(record, this.#maxRecordBytes);
    const bytes = RecordSnapshot.bytesOf(snapshot);
    this.#items.push(snapshot);
    this.#bytes += bytes;
    return bytes;
  }

  shift(): number {
    const snapshot = this.#items[this.#head];
    if (snapshot === undefined) return 0;
    this.#items[this.#head++] = undefined;
    return this.#removed(snapshot);
  }

  pop(): number {
    const snapshot = this.records > 0 ? this.#items.pop() : undefined;
    return snapshot === undefined ? 0 : this.#removed(snapshot);
  }

  split(records: number): RecordBatch {
    const all = this.#snapshots();
    const part = new RecordBatch(this.#maxRecordBytes, all.slice(0, records));
    this.#items = all.slice(records);
    this.#head = 0;
    this.#bytes -= part.bytes;
    return part;
  }

  append(next: RecordBatch): void {
    for (const snapshot of next.#snapshots()) {
      this.#items.push(snapshot);
      this.#bytes += RecordSnapshot.bytesOf(snapshot);
    }
  }

  severityAt(end: BatchEnd): number {
    const snapshot = this.#items[end === 'oldest' ? this.#head : this.#items.length - 1];
    return snapshot === undefined ? 0 : severityOf(snapshot);
  }

  severities(): SeverityCounts {
    const counts = noSeverities();
    for (const snapshot of this.#snapshots()) {
      const range = severityRange(severityOf(snapshot));
      counts[range] = (counts[range] as number) + 1;
    }
    return counts;
  }

  regroup(): void {
    const all = this.#snapshots();
    const [first] = all;
    const { resource, instrumentationScope } = first ?? {};
    if (all.every((item) => item.resource === resource && item.instrumentationScope === instrumentationScope))
      return;
    const byResource = Map.groupBy(all, (item) => item.resource).values();
    this.#items = Array.from(byResource, (items) =>
      Array.from(Map.groupBy(items, (item) => item.instrumentationScope).values()),
    ).flat(2);
    this.#head = 0;
  }

  toArray(): ReadableLogRecord[] {
    // A snapshot has every field of a ReadableLogRecord; optional ones are present and may be undefined.
    return this.#snapshots() as ReadableLogRecord[];
  }

  #snapshots(): RecordSnapshot[] {
    return this.#items.slice(this.#head) as RecordSnapshot[];
  }

  #removed(snapshot: RecordSnapshot): number {
    const bytes = RecordSnapshot.bytesOf(snapshot);
    this.#bytes -= bytes;
    return bytes;
  }
}

function severityOf({ severityNumber }: RecordSnapshot): number {
  return severityNumber ?? 0;
}

function isPending(resource: EmittedRecord['resource'] | undefined): boolean {
  try {
    return resource?.asyncAttributesPending === true;
  } catch {
    return false;
  }
}
