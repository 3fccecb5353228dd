/** Decodes OTLP `AnyValue`s to the attribute values and bodies that they were encoded from. */

import type { WireReader } from '../../protobuf/wire-reader.ts';
import { MAX_DEPTH, setOwn } from '../../records/value-copy.ts';
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
/** In memory, of a list or a map, each of which takes four bytes at least where it is in another one. */
const CONTAINER_BYTES = 64;
const BYTES_BYTES = 192;
/** An integer is safe if its upper half is below this, and not below its negative. */
const SAFE_HIGH = 2 ** 21;

/** Reads a length-prefixed `AnyValue`; an empty one is null. @throws RangeError if it is invalid or too deep. */
export function readValue(reader: WireReader, depth = 0): unknown {
  let value: unknown = null;
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.tag) {
      case STRING_VALUE:
        value = reader.text();
        break;
      case BOOL_VALUE:
        reader.varint64();
        value = reader.low !== 0 || reader.high !== 0;
        break;
      case INT_VALUE:
        reader.varint64();
        value = integer(reader.low, reader.high);
        break;
      case DOUBLE_VALUE:
        value = reader.double();
        break;
      case ARRAY_VALUE:
        value = readList(reader, depth);
        break;
      case KVLIST_VALUE:
        value = readMap(reader, depth);
        break;
      case BYTES_VALUE:
        reader.spend(BYTES_BYTES);
        value = reader.bytes();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  return value;
}

/** Reads a length-prefixed `KeyValue` into `target`. @throws RangeError if it is invalid or too deep. */
export function readAttribute(reader: WireReader, target: Record<string, unknown>, depth = 0): void {
  let key = '';
  let value: unknown = null;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === KEY) key = reader.name();
    else if (reader.tag === VALUE) value = readValue(reader, depth);
    else reader.skip();
  }
  reader.leave(outer);
  setOwn(target, key, value);
}

function readList(reader: WireReader, depth: number): unknown[] {
  const values: unknown[] = [];
  const outer = enterDeeper(reader, depth);
  while (reader.next()) {
    if (reader.tag === VALUES) values.push(readValue(reader, depth + 1));
    else reader.skip();
  }
  reader.leave(outer);
  return values;
}

function readMap(reader: WireReader, depth: number): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const outer = enterDeeper(reader, depth);
  while (reader.next()) {
    if (reader.tag === VALUES) readAttribute(reader, values, depth + 1);
    else reader.skip();
  }
  reader.leave(outer);
  return values;
}

/** The encoder writes nothing deeper. */
function enterDeeper(reader: WireReader, depth: number): number {
  if (depth >= MAX_DEPTH) throw new RangeError('the value is nested too deeply');
  reader.spend(CONTAINER_BYTES);
  return reader.enter();
}

/** @returns a number if that is exact, otherwise a bigint. */
function integer(low: number, unsignedHigh: number): number | bigint {
  const high = unsignedHigh | 0;
  const nearest = high * TWO_32 + low;
  if (high < SAFE_HIGH && high >= -SAFE_HIGH) return nearest;
  const exact = (BigInt(high) << 32n) | BigInt(low);
  return BigInt(nearest) === exact ? nearest : exact;
}
