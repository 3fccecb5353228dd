/** OTLP `AnyValue`s as OTLP/JSON. */

import {
  ARRAY_VALUE,
  BOOL_VALUE,
  BYTES_VALUE,
  DOUBLE_VALUE,
  INT_VALUE,
  KEY,
  KVLIST_VALUE,
  STRING_VALUE,
  VALUE,
  VALUES,
} from '../../otlp/encoding/tags.ts';
import type { WireReader } from '../../protobuf/wire-reader.ts';
import { MAX_DEPTH } from '../../records/value-copy.ts';

type JsonValue = Record<string, unknown>;
export interface JsonKeyValue {
  key: string;
  value?: JsonValue;
}

/** Reads an `AnyValue` from its length on. @throws RangeError if it is none, or too deep. */
export function readJsonValue(reader: WireReader, depth = 0): JsonValue {
  let value: JsonValue = {};
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.tag) {
      case STRING_VALUE:
        value = { stringValue: reader.text() };
        break;
      case BOOL_VALUE:
        reader.varint64();
        value = { boolValue: reader.low !== 0 || reader.high !== 0 };
        break;
      case INT_VALUE:
        reader.varint64();
        value = { intValue: bigintOf(reader.low, reader.high).toString() };
        break;
      case DOUBLE_VALUE:
        value = { doubleValue: jsonDouble(reader.double()) };
        break;
      case ARRAY_VALUE:
        value = { arrayValue: { values: readList(reader, depth, readJsonValue) } };
        break;
      case KVLIST_VALUE:
        value = { kvlistValue: { values: readList(reader, depth, readJsonKeyValue) } };
        break;
      case BYTES_VALUE:
        value = { bytesValue: Buffer.from(reader.bytes()).toString('base64') };
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  return value;
}

/** Reads a `KeyValue` from its length on. @throws RangeError as `readJsonValue` does. */
export function readJsonKeyValue(reader: WireReader, depth = 0): JsonKeyValue {
  const pair: JsonKeyValue = { key: '' };
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === KEY) pair.key = reader.text();
    else if (reader.tag === VALUE) pair.value = readJsonValue(reader, depth);
    else reader.skip();
  }
  reader.leave(outer);
  return pair;
}

function readList<T>(
  reader: WireReader,
  depth: number,
  readItem: (reader: WireReader, depth: number) => T,
): T[] {
  if (depth >= MAX_DEPTH) throw new RangeError('the value is nested too deeply');
  const items: T[] = [];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === VALUES) items.push(readItem(reader, depth + 1));
    else reader.skip();
  }
  reader.leave(outer);
  return items;
}

/** The int64 of these halves. */
export function bigintOf(low: number, high: number): bigint {
  return (BigInt(high | 0) << 32n) | BigInt(low);
}

/** What JSON has no number for is a text, as the mapping has it; negative zero as well, which JSON.stringify would lose. */
function jsonDouble(value: number): number | string {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}
