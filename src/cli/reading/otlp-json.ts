/** Converts an OTLP request to OTLP/JSON, whole or as lines for the Collector's `otlpjsonfile` receiver. */

import { visibleJson } from '../../common/visible-text.ts';
import type { Envelope } from '../../otlp/encoding/envelope-encoder.ts';
import { sectionsOf } from '../../otlp/encoding/request-decoder.ts';
import { WireReader } from '../../protobuf/wire-reader.ts';
import { MAX_DEPTH } from '../../records/value-copy.ts';
import {
  type Field,
  LOG_RECORD,
  type Message,
  RESOURCE_LOGS,
  SCOPE_LOGS,
  type Scalar,
} from './otlp-schema.ts';

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
        logRecords: Array.from(recordsIn(reader, scope.ranges)),
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
      yield* linesAround(before, ']}]}]}', recordsIn(reader, scope.ranges), maxBytes);
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

function* recordsIn(reader: WireReader, ranges: readonly number[]): Generator<JsonObject> {
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

/*
 * Any message is converted by its table. OTLP specification, "JSON Protobuf Encoding": names in lowerCamelCase, trace and span ids in hexadecimal, enums as
 * numbers, unknown fields left out. The rest follows the JSON mapping of Protocol Buffers: 64-bit integers as decimal
 * strings, bytes in base64, unset fields left out.
 */

type JsonObject = Record<string, unknown>;

/** In memory, of a message, which takes two bytes at least. */
const MESSAGE_BYTES = 32;

/**
 * Reads a message up to the reader's limit. @param object fields read so far, for a message that occurs repeatedly.
 * @throws RangeError if it is not such a message, or nested too deeply.
 */
function readMessage(
  reader: WireReader,
  message: Message,
  object: JsonObject = message.defaults(),
  depth = 0,
): JsonObject {
  const inner = message.isNesting ? depth + 1 : depth;
  if (inner > MAX_DEPTH) throw new RangeError('the value is nested too deeply');
  while (reader.next()) {
    const field = message.fields.get(reader.tag);
    if (field === undefined) {
      reader.skip();
      continue;
    }
    if (message.isOneof) for (const name of Object.keys(object)) delete object[name];
    readField(reader, field, object, inner);
  }
  return object;
}

function readField(
  reader: WireReader,
  { name, kind, isRepeated }: Field,
  object: JsonObject,
  depth: number,
): void {
  if (typeof kind === 'string') {
    object[name] = SCALARS[kind](reader);
    return;
  }
  const outer = reader.enter();
  reader.spend(MESSAGE_BYTES);
  if (isRepeated) {
    const values = (object[name] ?? []) as JsonObject[];
    values.push(readMessage(reader, kind, undefined, depth));
    object[name] = values;
  } else {
    object[name] = readMessage(reader, kind, object[name] as JsonObject | undefined, depth);
  }
  reader.leave(outer);
}

const SCALARS: Readonly<Record<Scalar, (reader: WireReader) => unknown>> = {
  text: (reader) => reader.text(),
  bytes: (reader) => Buffer.from(reader.bytes()).toString('base64'),
  identifier: (reader) => reader.hex(),
  bool: (reader) => reader.int64() !== 0n,
  enum: (reader) => Number(BigInt.asIntN(32, reader.int64())),
  uint32: (reader) => reader.varint32(),
  fixed32: (reader) => reader.fixed32(),
  fixed64(reader) {
    reader.fixed64();
    return ((BigInt(reader.high) << 32n) | BigInt(reader.low)).toString();
  },
  int64: (reader) => reader.int64().toString(),
  double: (reader) => jsonDouble(reader.double()),
};

/** Numbers that JSON lacks become strings, as in the mapping; so does -0, which JSON.stringify would turn into 0. */
function jsonDouble(value: number): number | string {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}
