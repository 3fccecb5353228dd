/** Converts a protobuf message to OTLP/JSON, driven by a table. */

/*
 * OTLP specification, "JSON Protobuf Encoding": names in lowerCamelCase, trace and span ids in hexadecimal, enums as
 * numbers, unknown fields left out. The rest follows the JSON mapping of Protocol Buffers: 64-bit integers as decimal
 * strings, bytes in base64, unset fields left out.
 */

import type { WireReader } from '../../protobuf/wire-reader.ts';
import { MAX_DEPTH } from '../../records/value-copy.ts';
import type { Field, Message, Scalar } from './otlp-schema.ts';

export type JsonObject = Record<string, unknown>;

/** In memory, of a message, which takes two bytes at least. */
const MESSAGE_BYTES = 32;

/**
 * Reads a message up to the reader's limit. @param object fields read so far, for a message that occurs repeatedly.
 * @throws RangeError if it is not such a message, or nested too deeply.
 */
export function readMessage(
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
