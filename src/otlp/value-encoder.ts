/** Encodes attribute values and bodies as OTLP `AnyValue`. */

import type { WireWriter } from './wire-writer.ts';

/*
 * opentelemetry/proto/common/v1/common.proto:
 *   AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3;
 *     double double_value = 4; ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7 } }
 *   ArrayValue { repeated AnyValue values = 1 }
 *   KeyValueList { repeated KeyValue values = 1 }
 *   KeyValue { string key = 1; AnyValue value = 2 }
 */
const STRING_VALUE = 0x0a;
const BOOL_VALUE = 0x10;
const INT_VALUE = 0x18;
const DOUBLE_VALUE = 0x21;
const ARRAY_VALUE = 0x2a;
const KVLIST_VALUE = 0x32;
const BYTES_VALUE = 0x3a;
const VALUES = 0x0a;
const KEY = 0x0a;
const VALUE = 0x12;

const TWO_32 = 0x1_0000_0000;
const TWO_63 = 2 ** 63;
const INT64_MIN = -(1n << 63n);
const INT64_MAX = (1n << 63n) - 1n;

/** Deeper than this a value is refused: it is circular, or would be refused by the collector's own parser. */
const MAX_DEPTH = 32;

/** Writes `KeyValue`s, each as a field with `tag`. @throws what reading a value throws, and RangeError for too deep a value. */
export function writeAttributes(
  writer: WireWriter,
  tag: number,
  attributes: Readonly<Record<string, unknown>>,
  depth = 0,
): void {
  for (const key in attributes) {
    const value = attributes[key];
    if (value === undefined) continue;
    if (typeof value === 'string' && writeShortText(writer, tag, key, value)) continue;
    writer.ensure(16);
    writer.byte(tag);
    const start = writer.beginLength();
    writer.byte(KEY);
    writer.string(key);
    writer.byte(VALUE);
    writeValue(writer, value, depth);
    writer.endLength(start);
  }
}

/** Up to this length, key and value together, every length involved fits one byte. */
const SHORT_TEXT_LENGTH = 121;

/**
 * The way of most attributes: a short key and a short text, both ASCII, so that all lengths are known before
 * anything is written. @returns false if it is not one; nothing is written then.
 */
function writeShortText(writer: WireWriter, tag: number, key: string, value: string): boolean {
  const keyLength = key.length;
  const valueLength = value.length;
  if (keyLength + valueLength > SHORT_TEXT_LENGTH) return false;
  writer.ensure(8 + SHORT_TEXT_LENGTH);
  const buffer = writer.buffer;
  const start = writer.position;
  buffer[start] = tag;
  buffer[start + 1] = keyLength + valueLength + 6;
  buffer[start + 2] = KEY;
  buffer[start + 3] = keyLength;
  const middle = writer.ascii(key, start + 4);
  if (middle < 0) return false;
  buffer[middle] = VALUE;
  buffer[middle + 1] = valueLength + 2;
  buffer[middle + 2] = STRING_VALUE;
  buffer[middle + 3] = valueLength;
  const end = writer.ascii(value, middle + 4);
  if (end < 0) return false;
  writer.position = end;
  return true;
}

/** Writes an `AnyValue` with its length before it; the tag is the caller's. */
export function writeValue(writer: WireWriter, value: unknown, depth = 0): void {
  const start = writer.beginLength();
  switch (typeof value) {
    case 'string':
      writer.byte(STRING_VALUE);
      writer.string(value);
      break;
    case 'number':
      writeNumber(writer, value);
      // A number always fits the one byte that was left for the length.
      writer.buffer[start] = writer.position - start - 1;
      return;
    case 'boolean':
      writer.byte(BOOL_VALUE);
      writer.byte(value ? 1 : 0);
      break;
    case 'bigint':
      writeBigInt(writer, value);
      break;
    case 'object':
      if (value !== null) writeObject(writer, value, depth);
      break;
    default:
      // undefined, functions and symbols have no place in AnyValue: the empty value, as for null.
      break;
  }
  writer.endLength(start);
}

function writeNumber(writer: WireWriter, value: number): void {
  // -0 and integers that int64 cannot hold are doubles: decoding has to give back what was logged.
  if (!Number.isInteger(value) || value >= TWO_63 || value < -TWO_63 || (value === 0 && 1 / value < 0)) {
    writer.byte(DOUBLE_VALUE);
    writer.double(value);
    return;
  }
  writer.byte(INT_VALUE);
  if (value >= 0 && value < TWO_63) {
    if (value < TWO_32) writer.varint(value);
    else writer.varint64(value % TWO_32, Math.floor(value / TWO_32));
  } else {
    // Two's complement; both halves are exact, since a double has 53 bits of which all fit.
    writer.varint64(((value % TWO_32) + TWO_32) % TWO_32, Math.floor(value / TWO_32) >>> 0);
  }
}

function writeBigInt(writer: WireWriter, value: bigint): void {
  if (value < INT64_MIN || value > INT64_MAX) {
    writer.byte(STRING_VALUE);
    writer.string(value.toString());
    return;
  }
  writer.byte(INT_VALUE);
  const bits = BigInt.asUintN(64, value);
  writer.varint64(Number(bits & 0xffff_ffffn), Number(bits >> 32n));
}

function writeObject(writer: WireWriter, value: object, depth: number): void {
  if (depth >= MAX_DEPTH) throw new RangeError('the value is nested too deeply, or circular');
  if (value instanceof Uint8Array) {
    writer.byte(BYTES_VALUE);
    writer.bytes(value);
    return;
  }
  if (Array.isArray(value)) {
    writer.byte(ARRAY_VALUE);
    const start = writer.beginLength();
    for (let index = 0; index < value.length; index++) {
      writer.ensure(1);
      writer.byte(VALUES);
      writeValue(writer, value[index], depth + 1);
    }
    writer.endLength(start);
    return;
  }
  writer.byte(KVLIST_VALUE);
  const start = writer.beginLength();
  // Own properties only: what a class instance inherits was not logged.
  const own = Object.getPrototypeOf(value) === Object.prototype ? value : { ...value };
  writeAttributes(writer, VALUES, own as Record<string, unknown>, depth + 1);
  writer.endLength(start);
}
