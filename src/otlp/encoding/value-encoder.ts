/** Encodes attribute values and bodies as OTLP `AnyValue`. */

import { lengthBytes, type WireWriter } from '../../protobuf/wire-writer.ts';
import {
  bigIntText,
  Fields,
  isInt64,
  isLiteral,
  isObject,
  plainOf,
  sizeOf,
} from '../../records/plain-value.ts';
import { MANY_KEYS, MAX_DEPTH } from '../../records/value-copy.ts';
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
} from './tags.ts';

const TWO_32 = 0x1_0000_0000;
const TWO_63 = 2 ** 63;

/** Up to this length, the length prefix of a key is one byte, whatever its characters; longer keys are rare. */
const SHORT_KEY_LENGTH = 42;
/** Up to this length, an ASCII text and, with most keys, its `KeyValue` have length prefixes of one byte. */
const SHORT_TEXT_LENGTH = 100;
/** Room for a short `KeyValue` with its tag, whatever its characters. */
const SHORT_ATTRIBUTE_BYTES = (SHORT_KEY_LENGTH + SHORT_TEXT_LENGTH) * 3 + 16;

/** Size of the last length prefix of a list or map, by key and depth. A wrong guess only costs moving the bytes. */
const guessedLengthBytes = new Uint8Array(256).fill(1);

function placeOf(key: string, depth: number): number {
  return (key.length * 31 + key.charCodeAt(0) * 7 + depth * 3) & 0xff;
}

/** The least that an item of a list, and a member of a map, can take. */
const MIN_ITEM_BYTES = 2;
const MIN_MEMBER_BYTES = 6;

/** Writes each attribute as a `KeyValue` with `tag`. @throws errors of reading, and RangeError for too deep a value. */
export function writeAttributes(
  writer: WireWriter,
  tag: number,
  attributes: Readonly<Record<string, unknown>>,
  depth = 0,
): void {
  // Own properties only: inherited ones were not logged.
  const keys = Object.keys(attributes);
  if (keys.length === 0) return;
  writer.demand(keys.length * MIN_MEMBER_BYTES);
  // V8 reads all values of a small map in one call far faster than one by one, but lists the keys of a large one again.
  const values = keys.length > MANY_KEYS ? undefined : Object.values(attributes);
  // A getter may have deleted a property.
  if (values?.length === keys.length) writeMembers(writer, tag, keys, values, depth);
  else
    for (const key of keys)
      if (Object.hasOwn(attributes, key)) writeAttribute(writer, tag, key, attributes[key], depth);
}

function writeMembers(
  writer: WireWriter,
  tag: number,
  keys: readonly string[],
  values: readonly unknown[],
  depth: number,
): void {
  for (let index = 0; index < keys.length; index++)
    writeAttribute(writer, tag, keys[index] as string, values[index], depth);
}

/** Most attributes have a short key and a short value: one check for room, no guess at lengths. */
function writeAttribute(writer: WireWriter, tag: number, key: string, value: unknown, depth: number): void {
  if (key.length > SHORT_KEY_LENGTH || !isShort(value)) {
    writeLongAttribute(writer, tag, key, value, depth);
    return;
  }
  writer.ensure(SHORT_ATTRIBUTE_BYTES);
  const buffer = writer.buffer;
  const start = writer.position;
  const middle = writer.putText(start + 4, key);
  buffer[start] = tag;
  buffer[start + 2] = KEY;
  buffer[start + 3] = middle - start - 4;
  buffer[middle] = VALUE;
  const end = putShort(writer, middle + 1, value);
  writer.position = end;
  if (end - start <= 0x81) buffer[start + 1] = end - start - 2;
  else writer.endLength(start + 1, 1);
}

function writeLongAttribute(
  writer: WireWriter,
  tag: number,
  key: string,
  value: unknown,
  depth: number,
): void {
  const place = placeOf(key, depth);
  const textLength = typeof value === 'string' ? value.length + key.length : 0;
  const reserved = Math.max(lengthBytes(textLength), guessedLengthBytes[place] as number);
  writer.ensure(1);
  writer.byte(tag);
  const start = writer.beginLength(reserved);
  writer.byte(KEY);
  writer.string(key);
  writer.byte(VALUE);
  writeValue(writer, value, depth, place);
  writer.endLength(start, reserved);
}

/** Writes an `AnyValue`, length-prefixed, without its tag. */
export function writeValue(writer: WireWriter, value: unknown, depth = 0, place = 0): void {
  if (isShort(value)) {
    writer.ensure(SHORT_ATTRIBUTE_BYTES);
    writer.position = putShort(writer, writer.position, value);
  } else if (typeof value === 'string') {
    const reserved = lengthBytes(value.length + 4);
    const start = writer.beginLength(reserved);
    writer.byte(STRING_VALUE);
    writer.string(value);
    writer.endLength(start, reserved);
  } else if (typeof value === 'object') {
    writeObject(writer, value as object, depth, place);
  } else if (typeof value === 'bigint') {
    writeBigInt(writer, value);
  } else {
    writeValue(writer, String(value));
  }
}

/** Whether `putShort` accepts the value. */
function isShort(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return value.length <= SHORT_TEXT_LENGTH;
    case 'object':
      return value === null;
    case 'bigint':
    case 'symbol':
      return false;
    default:
      return true;
  }
}

/** Puts an `AnyValue`, length-prefixed. The caller has ensured the room. */
function putShort(writer: WireWriter, start: number, value: unknown): number {
  const buffer = writer.buffer;
  let end = start + 1;
  switch (typeof value) {
    case 'string':
      buffer[start + 1] = STRING_VALUE;
      end = writer.putText(start + 3, value);
      if (end - start <= 0x80) {
        buffer[start + 2] = end - start - 3;
        break;
      }
      writer.position = end;
      writer.endLength(start + 2, 1);
      writer.endLength(start, 1);
      return writer.position;
    case 'number':
      if (value >>> 0 === value && (value !== 0 || 1 / value > 0)) {
        buffer[start + 1] = INT_VALUE;
        end = writer.putVarint32(start + 2, value);
      } else {
        end = putNumber(writer, start + 1, value);
      }
      break;
    case 'boolean':
      buffer[start + 1] = BOOL_VALUE;
      buffer[start + 2] = value ? 1 : 0;
      end = start + 3;
      break;
    default:
    // null, undefined and functions become the empty AnyValue.
  }
  buffer[start] = end - start - 1;
  return end;
}

function putNumber(writer: WireWriter, start: number, value: number): number {
  // -0 and integers beyond int64 are doubles, so that decoding returns the logged value.
  const isInteger = Number.isInteger(value) && value < TWO_63 && value >= -TWO_63 && value !== 0;
  writer.buffer[start] = isInteger ? INT_VALUE : DOUBLE_VALUE;
  if (!isInteger) return writer.putDouble(start + 1, value);
  // Two's complement; both halves are exact, as the bit operators take a number modulo 2^32.
  return writer.putVarint64(start + 1, value >>> 0, Math.floor(value / TWO_32) >>> 0);
}

function writeBigInt(writer: WireWriter, value: bigint): void {
  if (!isInt64(value)) {
    writeValue(writer, bigIntText(value));
    return;
  }
  const start = writer.beginLength(1);
  writer.byte(INT_VALUE);
  const bits = BigInt.asUintN(64, value);
  writer.position = writer.putVarint64(writer.position, Number(bits & 0xffff_ffffn), Number(bits >> 32n));
  writer.endLength(start, 1);
}

function writeObject(writer: WireWriter, value: object, depth: number, place: number): void {
  // A value this deep is circular, or would be refused by the collector's parser.
  if (depth >= MAX_DEPTH) throw new RangeError('the value is nested too deeply, or circular');
  if (Array.isArray(value) || isLiteral(value)) {
    writeContainer(writer, value, depth, place);
    return;
  }
  writer.demand(sizeOf(value) * MIN_ITEM_BYTES);
  const plain = plainOf(value, writer.left / MIN_ITEM_BYTES);
  if (!isObject(plain)) writeValue(writer, plain, depth, place);
  else if (plain instanceof Uint8Array) writeBytes(writer, plain);
  else writeContainer(writer, plain, depth, place);
}

/** Writes a list, or else a map. */
function writeContainer(writer: WireWriter, value: object, depth: number, place: number): void {
  const reserved = guessedLengthBytes[place] as number;
  const outer = writer.beginLength(reserved);
  const isList = Array.isArray(value) || ArrayBuffer.isView(value);
  writer.byte(isList ? ARRAY_VALUE : KVLIST_VALUE);
  const inner = writer.beginLength(reserved);
  if (isList) writeItems(writer, value as ArrayLike<unknown>, depth + 1, (place + 1) & 0xff);
  else if (value instanceof Fields) writeMembers(writer, VALUES, value.keys, value.values, depth + 1);
  else writeAttributes(writer, VALUES, value as Record<string, unknown>, depth + 1);
  guessedLengthBytes[place] = writer.endLength(inner, reserved);
  writer.endLength(outer, reserved);
}

function writeItems(writer: WireWriter, items: ArrayLike<unknown>, depth: number, place: number): void {
  writer.demand(items.length * MIN_ITEM_BYTES);
  for (let index = 0; index < items.length; index++) {
    writer.ensure(1);
    writer.byte(VALUES);
    writeValue(writer, items[index], depth, place);
  }
}

function writeBytes(writer: WireWriter, value: Uint8Array): void {
  const inner = lengthBytes(value.length);
  writer.ensure(16);
  writer.position = writer.putVarint32(writer.position, 1 + inner + value.length);
  writer.delimited(BYTES_VALUE, value.length);
  writer.raw(value);
}
