/** What is in an export request: its size, and which records. Reads protobuf independently of `src`. */

import { idIn, idOf } from './record-ids.ts';

export interface RequestContent {
  readonly bytes: number;
  /** One for each record, in order; `NO_ID` for what the workload did not make. */
  readonly ids: readonly number[];
}

/** Tags (field number << 3 | wire type 2) on the way to the text of a body in an ExportLogsServiceRequest. */
const RESOURCE_LOGS = 0x0a;
const SCOPE_LOGS = 0x12;
const LOG_RECORDS = 0x12;
const BODY = 0x2a;
const STRING_VALUE = 0x0a;

/** About what a record takes beside its body: times, severity, trace, tags. */
const RECORD_BYTES = 60;

/** A cursor that is shared: nothing here is called while something else of it is under way. */
let bytes: Uint8Array = new Uint8Array();
let position = 0;
let ids: number[] = [];

/** @throws RangeError for what is not an ExportLogsServiceRequest. */
export function contentOf(body: Uint8Array): RequestContent {
  bytes = body;
  position = 0;
  ids = [];
  scan(body.length, RESOURCE_LOGS, resourceLogs);
  return { bytes: body.length, ids };
}

/** The same for an exporter that was given records, with an estimate of their size. */
export function contentOfRecords(records: readonly { readonly body?: unknown }[]): RequestContent {
  let size = 0;
  const found: number[] = [];
  for (const { body } of records) {
    size += RECORD_BYTES + (typeof body === 'string' ? body.length : 0);
    found.push(idOf(body));
  }
  return { bytes: size, ids: found };
}

function resourceLogs(end: number): void {
  scan(end, SCOPE_LOGS, scopeLogs);
}

function scopeLogs(end: number): void {
  scan(end, LOG_RECORDS, logRecord);
}

let id = 0;

function logRecord(end: number): void {
  id = -1;
  scan(end, BODY, anyValue);
  ids.push(id);
}

function anyValue(end: number): void {
  scan(end, STRING_VALUE, stringValue);
}

function stringValue(end: number): void {
  id = idIn(bytes, position, end);
}

/** Calls `found` for each field with the tag `wanted`, the position at its content, and skips all others. */
function scan(end: number, wanted: number, found: (end: number) => void): void {
  while (position < end) {
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
        const contentEnd = position + length;
        if (contentEnd > end) throw new RangeError('a field is longer than the message it is in');
        if (tag === wanted) found(contentEnd);
        position = contentEnd;
        break;
      }
      case 5:
        position += 4;
        break;
      default:
        throw new RangeError(`wire type ${tag & 7} at ${position}`);
    }
  }
  if (position !== end) throw new RangeError('a field is longer than the message it is in');
}

/** Of more than 32 bits only the lower ones, which is enough for tags and lengths. */
function varint(): number {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[position++];
    if (byte === undefined) throw new RangeError('the message ends within a number');
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new RangeError('a number of more than ten bytes');
}
