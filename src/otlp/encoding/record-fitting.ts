/** Encodes a record within a limit: as it is, or what of it fits and can be read. */

import { LimitReached, type WireWriter } from '../../protobuf/wire-writer.ts';
import type { EmittedRecord } from '../../queue/log-batch.ts';
import { RecordSnapshot } from '../../records/record-snapshot.ts';
import { writeLogRecord } from './record-encoder.ts';
import { LOG_RECORDS } from './tags.ts';

/** More than the encoder asks for beyond what it writes. */
const SLACK_BYTES = 512;

/*
 * A record that cannot be encoded as it is, is encoded from a snapshot, whose budget is in estimated bytes of
 * heap: a text has from one to three on the wire for two of those, and small objects far fewer.
 */
const UNREADABLE_BUDGET = 4;
const TOO_LARGE_BUDGET = 2;
const CUT_SHARE = 0.5;
/** From this budget nothing is left that takes the smallest `maxRecordBytes` there is on the wire. */
const MIN_BUDGET_BYTES = 512;

/**
 * Writes a record as a field of ScopeLogs of `maxBytes` at most.
 * @throws if the record cannot be read at all; nothing is written then.
 */
export function writeFitting(writer: WireWriter, record: EmittedRecord, maxBytes: number): void {
  let budget = maxBytes * TOO_LARGE_BUDGET;
  try {
    if (isWritten(writer, record, maxBytes)) return;
  } catch {
    // A value that cannot be read, or is circular, or too deep: the snapshot has a placeholder for it.
    budget = maxBytes * UNREADABLE_BUDGET;
  }
  while (!isWritten(writer, new RecordSnapshot(record, budget), maxBytes)) {
    if (budget <= MIN_BUDGET_BYTES) throw new RangeError('the record cannot be cut down to maxRecordBytes');
    budget = Math.max(budget * CUT_SHARE, MIN_BUDGET_BYTES);
  }
}

/** Writes a record, unless it takes more than `maxBytes`. */
function isWritten(writer: WireWriter, record: EmittedRecord | RecordSnapshot, maxBytes: number): boolean {
  const start = writer.position;
  let fits = false;
  try {
    writer.limit = start + maxBytes + SLACK_BYTES;
    writer.ensure(1);
    writer.byte(LOG_RECORDS);
    writeLogRecord(writer, record as EmittedRecord);
    fits = writer.position - start <= maxBytes;
  } catch (error) {
    if (!(error instanceof LimitReached)) throw error;
  } finally {
    writer.limit = Number.POSITIVE_INFINITY;
    if (!fits) writer.position = start;
  }
  return fits;
}
