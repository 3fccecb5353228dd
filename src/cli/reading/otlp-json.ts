/** Converts an OTLP request to OTLP/JSON, whole or as lines for the Collector's `otlpjsonfile` receiver. */

import { visibleJson } from '../../common/visible-text.ts';
import type { Envelope } from '../../otlp/encoding/envelope-encoder.ts';
import { sectionsOf } from '../../otlp/encoding/request-decoder.ts';
import { WireReader } from '../../protobuf/wire-reader.ts';
import { type JsonObject, readMessage } from './message-json.ts';
import { LOG_RECORD, type Message, RESOURCE_LOGS, SCOPE_LOGS } from './otlp-schema.ts';

interface JsonScopeLogs extends JsonObject {
  readonly logRecords: readonly JsonObject[];
}
interface JsonResourceLogs extends JsonObject {
  readonly scopeLogs: readonly JsonScopeLogs[];
}
export interface JsonRequest {
  readonly resourceLogs: readonly JsonResourceLogs[];
}

/** One request, without a line feed. */
export interface JsonLine {
  readonly text: string;
  /** In UTF-8. */
  readonly bytes: number;
  readonly records: number;
}

/** @throws RangeError if it is not an OTLP request. */
export function requestToJson(request: Uint8Array): JsonRequest {
  const reader = new WireReader(request);
  return {
    resourceLogs: sectionsOf(request).map(({ envelope, scopes }) => ({
      ...fieldsOf(envelope, RESOURCE_LOGS),
      scopeLogs: scopes.map((scope) => ({
        ...fieldsOf(scope.envelope, SCOPE_LOGS),
        logRecords: Array.from(remainingRecordsOf(reader, scope.ranges)),
      })),
    })),
  };
}

/** Splits a request into requests of one scope and at most `maxBytes` each, unless a single record is larger. */
export function* jsonLines(request: Uint8Array, maxBytes: number): Generator<JsonLine> {
  const reader = new WireReader(request);
  for (const { envelope, scopes } of sectionsOf(request)) {
    const resource = opened(fieldsOf(envelope, RESOURCE_LOGS), 'scopeLogs');
    for (const scope of scopes) {
      const before = `{"resourceLogs":[${resource}${opened(fieldsOf(scope.envelope, SCOPE_LOGS), 'logRecords')}`;
      yield* linesAround(before, ']}]}]}', remainingRecordsOf(reader, scope.ranges), maxBytes);
    }
  }
}

function* linesAround(
  before: string,
  after: string,
  records: Iterable<JsonObject>,
  maxBytes: number,
): Generator<JsonLine> {
  const aroundBytes = Buffer.byteLength(before) + after.length;
  let texts: string[] = [];
  let bytes = aroundBytes;
  const line = () => ({ text: before + texts.join(',') + after, bytes: bytes - 1, records: texts.length });
  for (const record of records) {
    const text = visibleJson(record);
    const recordBytes = Buffer.byteLength(text) + 1;
    if (texts.length > 0 && bytes + recordBytes - 1 > maxBytes) {
      yield line();
      texts = [];
      bytes = aroundBytes;
    }
    texts.push(text);
    bytes += recordBytes;
  }
  if (texts.length > 0) yield line();
}

/** The JSON of an object up to the first item of its last field, a list. */
function opened(fields: JsonObject, list: string): string {
  return visibleJson({ ...fields, [list]: [] }).slice(0, -2);
}

function* remainingRecordsOf(reader: WireReader, ranges: readonly number[]): Generator<JsonObject> {
  for (let index = 0; index < ranges.length; index += 2) {
    reader.position = ranges[index] as number;
    reader.limit = ranges[index + 1] as number;
    reader.next();
    reader.enter();
    yield readMessage(reader, LOG_RECORD);
  }
}

/** Fields before and after the repeated one. */
function fieldsOf({ head, tail }: Envelope, message: Message): JsonObject {
  return readMessage(new WireReader(tail), message, readMessage(new WireReader(head), message));
}
