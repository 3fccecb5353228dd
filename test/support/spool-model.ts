/** A model of what a spool owes: for every record that was stored, whether it must be, may be or must not be found. */

import { expect } from 'vitest';
import { noSeverities } from '../../src/common/severity-counts.ts';
import type { NewEntry, RecordRange, SpoolEntry } from '../../src/spool/format/entry.ts';

/**
 * - `owed`: not settled.
 * - `settled`: by a process that has not said yet that it wrote that down.
 * - `doubtful`: settled by a process that died since: it may come again.
 * - `gone`: settled, and known to be by whoever comes.
 */
type RecordState = 'owed' | 'settled' | 'doubtful' | 'gone';

/** Who has an entry. `unknown`: the process died in appending it. */
export type Holder = 'caller' | 'spool' | 'replayer' | 'unknown' | 'nobody';

export interface ModelEntry {
  readonly sequence: number;
  /** Entries of one epoch were appended while others were under way, so that they have no order among them. */
  readonly epoch: number;
  readonly entry: NewEntry;
  readonly records: RecordState[];
  holder: Holder;
  /** Of the process that runs. */
  stored: SpoolEntry | undefined;
}

export interface Bounds {
  readonly least: number;
  readonly most: number;
}

export class SpoolModel {
  readonly entries: ModelEntry[] = [];

  add(entry: NewEntry, epoch: number, holder: Holder, stored?: SpoolEntry): ModelEntry {
    const added: ModelEntry = {
      sequence: sequenceOf(entry.payload),
      epoch,
      entry,
      records: new Array<RecordState>(entry.records).fill('owed'),
      holder,
      stored,
    };
    this.entries.push(added);
    return added;
  }

  with(holder: Holder): ModelEntry[] {
    return this.entries.filter((entry) => entry.holder === holder);
  }

  /** What the spool may say that it holds. */
  get records(): Bounds {
    const held = [...this.with('spool'), ...this.with('replayer')];
    const unknown = this.with('unknown');
    return {
      least: held.reduce((sum, entry) => sum + count(entry, 'owed'), 0),
      most: [...held, ...unknown].reduce((sum, entry) => sum + count(entry, 'owed', 'doubtful'), 0),
    };
  }

  settle(entry: ModelEntry, first: number, records: number): void {
    for (let index = first; index < first + records; index++) {
      if (entry.records[index] !== 'gone') entry.records[index] = 'settled';
    }
    if (count(entry, 'owed', 'doubtful') === 0) entry.holder = 'nobody';
  }

  /** The process is gone, and what it held waits for the next one. @param isOrderly whether what is settled was written down. */
  restart(isOrderly: boolean): void {
    for (const entry of this.entries) {
      const after = isOrderly ? 'gone' : 'doubtful';
      for (const [index, state] of entry.records.entries()) {
        if (state === 'settled') entry.records[index] = after;
      }
      if (entry.holder === 'nobody' && !isEvicted(entry)) {
        if (count(entry, 'doubtful') > 0) entry.holder = 'unknown';
      } else if (entry.holder !== 'nobody' && entry.holder !== 'unknown') entry.holder = 'spool';
      entry.stored = undefined;
    }
  }

  /** An entry was given to be replayed: it must be one that is owed, as it was stored. */
  given(stored: SpoolEntry): ModelEntry {
    const known = this.entries.find((entry) => entry.stored === stored);
    const entry = known ?? this.#recognise(stored);
    expect(entry, 'an entry that was stored').toBeDefined();
    const found = entry as ModelEntry;
    expect(['spool', 'unknown'], `entry ${found.sequence} was given`).toContain(found.holder);
    expect(stored.state).toBe('stored');
    expect(stored.records).toBe(found.entry.records);
    expect(stored.openedAtUnixMillis).toBe(found.entry.openedAtUnixMillis);
    expect(stored.attempts).toBe(found.entry.attempts);
    expect(stored.isProtected).toBe(found.entry.isProtected);
    const remaining = indexesOf(stored.remaining);
    for (const [index, state] of found.records.entries()) {
      const isThere = remaining.has(index);
      const what = `record ${index} of entry ${found.sequence}, which is ${state}`;
      if (state === 'owed') expect(isThere, what).toBe(true);
      if (state === 'gone' || state === 'settled') expect(isThere, what).toBe(false);
      if (state === 'doubtful') found.records[index] = isThere ? 'owed' : 'gone';
    }
    for (const index of remaining) expect(index).toBeLessThan(found.entry.records);
    found.stored = stored;
    found.holder = 'replayer';
    return found;
  }

  /** By when it was opened, which is unique here. */
  #recognise({ openedAtUnixMillis }: SpoolEntry): ModelEntry | undefined {
    return this.entries.find(({ entry }) => entry.openedAtUnixMillis === openedAtUnixMillis);
  }
}

/** Whether the spool gave it up: nobody has it, and not all of its records are settled. */
export function isEvicted(entry: ModelEntry): boolean {
  return entry.holder === 'nobody' && count(entry, 'owed') > 0;
}

export function count({ records }: ModelEntry, ...states: readonly RecordState[]): number {
  return records.filter((state) => states.includes(state)).length;
}

/** @param bytes of the payload, at least 8: its sequence number, and bytes that follow from it. */
export function modelEntry(sequence: number, records: number, bytes: number): NewEntry {
  const payload = Buffer.alloc(bytes, `${sequence} SPFR `);
  payload.writeUInt32LE(sequence, 0);
  const severities = noSeverities();
  // Not all alike, so that one entry's are not taken for another's.
  for (let index = 0; index < records; index++) {
    const range = (sequence + index) % severities.length;
    severities[range] = (severities[range] as number) + 1;
  }
  return {
    payload,
    records,
    severities,
    openedAtUnixMillis: Date.UTC(2026, 0, 1) + sequence,
    attempts: sequence % 4,
    isProtected: sequence % 3 === 0,
  };
}

export function sequenceOf(payload: Uint8Array): number {
  return Buffer.from(payload).readUInt32LE(0);
}

function indexesOf(ranges: readonly RecordRange[]): Set<number> {
  return new Set(
    ranges.flatMap(([first, records]) => Array.from({ length: records }, (_, index) => first + index)),
  );
}
