/** What objects stand for that OTLP has no type for: errors, dates, maps, sets, other buffers, boxes, instances with `toJSON`. */

/*
 * OpenTelemetry specification, "Mapping Arbitrary Data to OTLP AnyValue": associative arrays become maps with text as
 * keys, sets become lists, bytes become bytes, and what else can be made a text becomes that. It says nothing of errors:
 * an error becomes a map of the properties that a reader of JavaScript knows.
 *
 * Objects are told apart by their prototypes and read by the built-in methods, which a subclass cannot replace. Of the
 * application's own code run getters, `toJSON`, the `toString` of keys, and the traps of proxies. What any of them
 * throws is for the caller to catch.
 */

import { types } from 'node:util';

export const UNREADABLE = '[unreadable]';

/** A prototype chain that is longer is taken for the trap of a proxy. */
const MAX_PROTOTYPES = 100;

/** The properties of an error that are not enumerable; the last two are those of a `SuppressedError`. */
const ERROR_PROPERTIES = ['name', 'message', 'stack', 'cause', 'errors', 'error', 'suppressed'];

/** A map as keys and values side by side: to fill an object with many keys costs ten times as much. */
export class Fields {
  readonly keys: string[] = [];
  readonly values: unknown[] = [];

  add(key: string, value: unknown): void {
    this.keys.push(key);
    this.values.push(value);
  }
}

type Convert = (value: object, maxItems: number) => unknown;

/** A literal, or an object without a prototype: by far the most objects that are logged, and they stand for themselves. */
export function isLiteral(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * What an object that is neither a list nor a literal stands for: a value that is no object, a `Uint8Array`, a list, a
 * typed array, `Fields`, or an object whose own enumerable properties count.
 * @param maxItems of a map or a set one more than this is taken: the caller has no room for as many.
 */
export function plainOf(value: object, maxItems: number): unknown {
  const convert = converterOf(value);
  if (convert !== undefined) return convert(value, maxItems);
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON !== 'function') return value;
  const json: unknown = toJSON.call(value, '');
  // As in JSON, the `toJSON` of what it returns is not called.
  return isObject(json) ? (converterOf(json)?.(json, maxItems) ?? json) : json;
}

/** How many items a map or a set has, of which none is read; 0 for all else. */
export function sizeOf(value: object): number {
  if (value instanceof Map) return mapSizeOf.call(value);
  return value instanceof Set ? setSizeOf.call(value) : 0;
}

function converterOf(value: object): Convert | undefined {
  let prototype: object | null = Object.getPrototypeOf(value);
  for (let steps = 0; prototype !== null && steps < MAX_PROTOTYPES; steps++) {
    if (prototype === Object.prototype) return undefined;
    const convert = converters.get(prototype);
    if (convert !== undefined) return convert;
    prototype = Object.getPrototypeOf(prototype);
  }
  return converterOfOtherRealm(value);
}

/** Objects of another realm, as test runners and `node:vm` make them, have other prototypes. */
function converterOfOtherRealm(value: object): Convert | undefined {
  if (types.isNativeError(value)) return errorFields;
  if (types.isDate(value)) return dateText;
  if (types.isMap(value)) return mapFields;
  if (types.isSet(value)) return setItems;
  if (types.isUint8Array(value)) return bytesOf;
  return types.isTypedArray(value) ? numbersOf : undefined;
}

function errorFields(error: object, maxItems: number): Fields {
  const fields = new Fields();
  for (const key of ERROR_PROPERTIES) {
    const value = readProperty(error, key);
    if (value !== undefined) fields.add(key, value);
  }
  for (const key of Object.keys(error)) {
    if (fields.keys.length > maxItems) break;
    if (!ERROR_PROPERTIES.includes(key)) fields.add(key, readProperty(error, key));
  }
  return fields;
}

/** An unreadable property costs only itself. */
export function readProperty(holder: object, key: string | number): unknown {
  try {
    return (holder as Record<string | number, unknown>)[key];
  } catch {
    return UNREADABLE;
  }
}

/** ISO 8601, as in JSON. */
function dateText(date: object): string {
  const millis = Date.prototype.getTime.call(date);
  return Number.isNaN(millis) ? 'Invalid Date' : new Date(millis).toISOString();
}

function mapFields(value: object, maxItems: number): Fields {
  const map = value as Map<unknown, unknown>;
  const fields = new Fields();
  const texts = new Set<string>();
  for (const [key, item] of Map.prototype.entries.call(map)) {
    if (fields.keys.length > maxItems) break;
    if (typeof key === 'string') {
      fields.add(key, item);
      continue;
    }
    const text = keyText(key);
    const isTaken = texts.has(text) || Map.prototype.has.call(map, text);
    // Keys have to be unique.
    fields.add(isTaken ? `${text} (${fields.keys.length})` : text, item);
    texts.add(text);
  }
  return fields;
}

function keyText(key: unknown): string {
  try {
    const plain = isObject(key) ? (converterOf(key)?.(key, 0) ?? key) : key;
    return isObject(plain) ? '[object]' : String(plain);
  } catch {
    return UNREADABLE;
  }
}

function setItems(value: object, maxItems: number): unknown[] {
  const items: unknown[] = [];
  for (const item of Set.prototype.values.call(value as Set<unknown>)) {
    if (items.length > maxItems) break;
    items.push(item);
  }
  return items;
}

function bytesOf(value: object): Uint8Array {
  return new Uint8Array(bufferOf.call(value), offsetOf.call(value), lengthOf.call(value));
}

function viewedBytes(value: object): Uint8Array {
  return new Uint8Array(viewedBufferOf.call(value), viewedOffsetOf.call(value), viewedLengthOf.call(value));
}

function bufferBytes(buffer: object): Uint8Array {
  // A Uint8Array would be made of anything that has a length; this throws for what is no buffer.
  return new Uint8Array(new DataView(buffer as ArrayBuffer).buffer);
}

/** A list that is read as far as there is room. */
function numbersOf(value: object): object {
  // Throws for what is no typed array.
  lengthOf.call(value);
  return value;
}

type Getter<T> = (this: object) => T;

function getterOf<T>(prototype: object, name: string): Getter<T> {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as Getter<T>;
}

const typedArrayPrototype: object = Object.getPrototypeOf(Uint8Array.prototype);
const bufferOf = getterOf<ArrayBuffer>(typedArrayPrototype, 'buffer');
const offsetOf = getterOf<number>(typedArrayPrototype, 'byteOffset');
const lengthOf = getterOf<number>(typedArrayPrototype, 'length');
const viewedBufferOf = getterOf<ArrayBuffer>(DataView.prototype, 'buffer');
const viewedOffsetOf = getterOf<number>(DataView.prototype, 'byteOffset');
const viewedLengthOf = getterOf<number>(DataView.prototype, 'byteLength');
const mapSizeOf = getterOf<number>(Map.prototype, 'size');
const setSizeOf = getterOf<number>(Set.prototype, 'size');
const hrefOf = getterOf<string>(URL.prototype, 'href');

const converters = new Map<object, Convert>([
  [Error.prototype, errorFields],
  [Date.prototype, dateText],
  [Map.prototype, mapFields],
  [Set.prototype, setItems],
  [URL.prototype, (url) => hrefOf.call(url)],
  [URLSearchParams.prototype, (params) => URLSearchParams.prototype.toString.call(params)],
  [RegExp.prototype, (pattern) => RegExp.prototype.toString.call(pattern)],
  [Uint8Array.prototype, bytesOf],
  [typedArrayPrototype, numbersOf],
  [ArrayBuffer.prototype, bufferBytes],
  [SharedArrayBuffer.prototype, bufferBytes],
  [DataView.prototype, viewedBytes],
  [String.prototype, (box) => String.prototype.valueOf.call(box)],
  [Number.prototype, (box) => Number.prototype.valueOf.call(box)],
  [Boolean.prototype, (box) => Boolean.prototype.valueOf.call(box)],
  [BigInt.prototype, (box) => BigInt.prototype.valueOf.call(box)],
  [Symbol.prototype, (box) => Symbol.prototype.toString.call(box)],
]);

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
/** To write the digits of a larger number takes too long. */
const MAX_TEXT_BIGINT = 2n ** 4_096n;

export function isInt64(value: bigint): boolean {
  return value >= MIN_INT64 && value <= MAX_INT64;
}

/** The decimal digits. */
export function bigIntText(value: bigint): string {
  return value < MAX_TEXT_BIGINT && value > -MAX_TEXT_BIGINT ? String(value) : '[too large]';
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
