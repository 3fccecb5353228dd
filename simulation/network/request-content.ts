/** What is in an export request: its size, and which records. Reads protobuf independently of `src`. */

import { idIn, idOf, NO_ID } from './record-ids.ts';

export interface RequestContent {
  readonly bytes: number;
  /** One for each record, in order; `NO_ID` for what the workload did not make. */
  readonly ids: readonly number[];
}

/**
 * Tags (field number << 3 | wire type 2) on the way down to the text of a body in an ExportLogsServiceRequest:
 * resource_logs, scope_logs, log_records, body, string_value.
 */
const WAY = [0x0a, 0x12, 0x12, 0x2a, 0x0a] as const;
/** How far down the fields of a LogRecord are, and the text of its body. */
const IN_RECORD = 3;
const IN_TEXT = 5;

/** About what a record takes beside its body: times, severity, trace, tags. */
const RECORD_BYTES = 60;

/** @throws RangeError for what is not an ExportLogsServiceRequest. */
export function contentOf(body: Uint8Array): RequestContent {
  const ids: number[] = [];
  // Where the messages end that are being read, from the request itself down.
  const ends = [body.length];
  let depth = 0;
  let position = 0;
  let id = NO_ID;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = body[position++];
      if (byte === undefined) throw new RangeError('the message ends within a number');
      // Of more than 32 bits only the lower ones, which is enough for tags and lengths.
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new RangeError('a number of more than ten bytes');
  };
  for (;;) {
    const end = ends[depth] as number;
    if (position > end) throw new RangeError('a field is longer than the message it is in');
    if (position === end) {
      if (depth === IN_RECORD) ids.push(id);
      if (--depth < 0) return { bytes: body.length, ids };
      continue;
    }
    const tag = varint();
    switch (tag & 7) {
      case 0:
        varint();
        break;
      case 1:
        position += 8;
        break;
      case 2: {
        const length = varint();
        if (position + length > end) throw new RangeError('a field is longer than the message it is in');
        if (tag !== WAY[depth]) position += length;
        else if (depth + 1 === IN_TEXT) {
          id = idIn(body, position, position + length);
          position += length;
        } else {
          ends[++depth] = position + length;
          if (depth === IN_RECORD) id = NO_ID;
        }
        break;
      }
      case 5:
        position += 4;
        break;
      default:
        throw new RangeError(`wire type ${tag & 7} at ${position}`);
    }
  }
}

/** The same for an exporter that was given records, with an estimate of their size. */
export function contentOfRecords(records: readonly { readonly body?: unknown }[]): RequestContent {
  let bytes = 0;
  const ids: number[] = [];
  for (const { body } of records) {
    bytes += RECORD_BYTES + (typeof body === 'string' ? body.length : 0);
    ids.push(idOf(body));
  }
  return { bytes, ids };
}
