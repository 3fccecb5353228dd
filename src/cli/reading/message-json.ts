/** Turns a message on the wire into OTLP/JSON, as a table says. */

/*
 * OTLP specification, "JSON Protobuf Encoding": names in lowerCamelCase, trace and span ids in hexadecimal digits,
 * enums as numbers; the rest as the JSON mapping of Protocol Buffers has it: integers of 64 bits as decimal
 * texts, bytes in base64, what is not set is not there. Fields that are not known are left out.
 */

import type { WireReader } from '../../protobuf/wire-reader.ts';
import { MAX_DEPTH } from '../../records/value-copy.ts';
import type { Field, Message, Scalar } from './otlp-schema.ts';

export type JsonObject = Record<string, unknown>;

/**
 * Reads a message from where the reader is to its limit.
 * @param object what is known of it: a message that stands twice is merged.
 * @throws RangeError when it is no such message, or too deep.
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

/** What JSON has no number for is a text, as the mapping has it; negative zero as well, which JSON.stringify would lose. */
function jsonDouble(value: number): number | string {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}
