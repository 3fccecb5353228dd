/** Copies and weighs the values a log record can carry, however hostile, within a byte budget. */

import {
  bigIntText,
  Fields,
  isInt64,
  isLiteral,
  isObject,
  plainOf,
  readProperty,
  UNREADABLE,
} from './plain-value.ts';

/*
 * Sizes are estimates of V8 heap bytes on a 64-bit Node.js (8-byte pointers), made in constant time per value: between
 * half and twice the real growth of the heap (the tests measure it). Sharing is not seen: a slice keeps the whole
 * string alive, and property names count as shared unless they are long.
 */
const SLOT_BYTES = 8;
const STRING_HEADER_BYTES = 24;
const OBJECT_HEADER_BYTES = 56;
const HEAP_NUMBER_BYTES = 16;
const KEY_BYTES = 8;
/** Longer names are most likely made at run time, and weighed in full. */
const LONG_KEY_LENGTH = 64;
/** A string is not cut to less than this. */
const MIN_CUT_BYTES = 64;

/** Deeper values are not kept: a level takes up to three protobuf messages, a record six, and parsers stop at 100. */
export const MAX_DEPTH = 31;

const TOO_DEEP = '[too deep]';
const CIRCULAR = '[circular]';
const ELLIPSIS = '…';

/** An item of a list takes a slot, a member of a map a key as well. */
const MIN_ITEM_BYTES = SLOT_BYTES;
const MIN_MEMBER_BYTES = KEY_BYTES + SLOT_BYTES;
/** V8 keeps a larger object in a hash table: its keys take longer to list than all else, and are listed once. */
export const MANY_KEYS = 1_000;
/** What a member of such an object takes beyond that of a smaller one. */
const HASHED_MEMBER_BYTES = 32;

const SHORT_STRING_LENGTH = 128;

/** Reading a character makes V8 flatten a concatenated string, which costs more than everything else here. */
export function stringBytes(text: string): number {
  const length = text.length;
  if (length <= SHORT_STRING_LENGTH) return STRING_HEADER_BYTES + length * 2;
  // V8 hides whether characters take one or two bytes: three are sampled, so a wide string may be underestimated.
  const sample = text.charCodeAt(0) | text.charCodeAt(length >> 1) | text.charCodeAt(length - 1);
  return STRING_HEADER_BYTES + (sample > 0xff ? length * 2 : length);
}

export function keyBytes(key: string): number {
  return key.length > LONG_KEY_LENGTH ? KEY_BYTES + stringBytes(key) : KEY_BYTES;
}

/** The bytes of a value that needs no copy; -1 for one that does, or that is kept as another one. */
export function primitiveBytes(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return SLOT_BYTES + stringBytes(value);
    case 'number':
      // A 32-bit integer is stored in the slot itself.
      return (value | 0) === value ? SLOT_BYTES : SLOT_BYTES + HEAP_NUMBER_BYTES;
    case 'boolean':
    case 'undefined':
      return SLOT_BYTES;
    case 'object':
      return value === null ? SLOT_BYTES : -1;
    default:
      return -1;
  }
}

/**
 * Cuts to `maxBytes` (estimated, at least MIN_CUT_BYTES), never inside a surrogate pair. The result owns its
 * characters: V8's slice would keep the whole original alive.
 */
export function cutString(text: string, maxBytes: number): string {
  if (stringBytes(text) + SLOT_BYTES <= maxBytes) return text;
  let end = Math.floor((maxBytes - SLOT_BYTES - STRING_HEADER_BYTES) / 2) - 1;
  const last = text.charCodeAt(end - 1);
  if (last >= 0xd800 && last <= 0xdbff) end--;
  return Buffer.from(text.slice(0, end) + ELLIPSIS, 'utf16le').toString('utf16le');
}

/** Adds a property even if it is named '__proto__', where a plain assignment would change the prototype. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}

/** Copies values within a budget, which `spentBytes` never exceeds. `truncated`: something did not fit. */
export class ValueCopier {
  spentBytes = 0;
  truncated = false;
  #budgetBytes: number;
  readonly #ancestors = new Set<object>();
  #keysOfLarge: Map<object, readonly string[]> | undefined;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** Begins anew with this budget. */
  restart(budgetBytes: number): void {
    this.spentBytes = 0;
    this.truncated = false;
    this.#budgetBytes = budgetBytes;
  }

  /** Sets the budget to `budgetBytes` more than was spent so far. */
  allow(budgetBytes: number): void {
    this.#budgetBytes = this.spentBytes + budgetBytes;
  }

  /** Spends bytes for the caller. @returns false, with nothing spent, if the budget is too small. */
  spend(bytes: number): boolean {
    if (this.spentBytes + bytes > this.#budgetBytes) {
      this.#overflow();
      return false;
    }
    this.spentBytes += bytes;
    return true;
  }

  /**
   * A deep copy, of values that OTLP can hold. Never throws: what is unreadable, circular or too deep becomes a short
   * text, and what has no value (undefined, functions) null. It reads no more than the budget has room for.
   * @returns undefined if the value does not fit.
   */
  copy(value: unknown, depth = 0): unknown {
    switch (typeof value) {
      case 'object':
        return value === null ? this.#kept(null) : this.#copyObject(value, depth);
      case 'undefined':
      case 'function':
        return this.#kept(null);
      case 'bigint':
        // Exporters know no bigint: JSON throws, and the official ones send an empty value.
        return this.#primitive(exactNumber(value) ?? bigIntText(value));
      case 'symbol':
        return this.#primitive(String(value));
      default:
        return this.#primitive(value as string | number | boolean);
    }
  }

  #primitive(value: string | number | boolean): unknown {
    const bytes = primitiveBytes(value);
    const left = this.#budgetBytes - this.spentBytes;
    if (bytes <= left) {
      this.spentBytes += bytes;
      return value;
    }
    const isWorthCutting = typeof value === 'string' && left >= MIN_CUT_BYTES;
    const cut = isWorthCutting ? this.#kept(cutString(value, left)) : undefined;
    this.#overflow();
    return cut;
  }

  #kept(value: string | null): string | null | undefined {
    return this.spend(primitiveBytes(value)) ? value : undefined;
  }

  /** After a value that did not fit, nothing more is copied: a copy is always a beginning of the original. */
  #overflow(): void {
    this.truncated = true;
    this.#budgetBytes = this.spentBytes;
  }

  #copyObject(value: object, depth: number): unknown {
    if (depth >= MAX_DEPTH) return this.#kept(TOO_DEEP);
    if (this.#ancestors.has(value)) return this.#kept(CIRCULAR);
    this.#ancestors.add(value);
    try {
      if (Array.isArray(value)) return this.#copyList(value, depth);
      if (isLiteral(value)) return this.#copyMap(value, depth);
      const maxItems = (this.#budgetBytes - this.spentBytes) / MIN_ITEM_BYTES;
      const plain = plainOf(value, maxItems);
      if (!isObject(plain)) return this.copy(plain, depth);
      if (plain instanceof Uint8Array) return this.#copyBytes(plain);
      if (plain instanceof Fields) return this.#copyFields(plain, depth);
      const isList = Array.isArray(plain) || ArrayBuffer.isView(plain);
      return isList ? this.#copyList(plain as ArrayLike<unknown>, depth) : this.#copyMap(plain, depth);
    } catch {
      return this.#kept(UNREADABLE);
    } finally {
      this.#ancestors.delete(value);
    }
  }

  #copyBytes(value: Uint8Array): Uint8Array | undefined {
    if (!this.spend(OBJECT_HEADER_BYTES * 2)) return undefined;
    const bytes = value.slice(0, this.#budgetBytes - this.spentBytes);
    this.spentBytes += bytes.length;
    if (bytes.length < value.length) this.#overflow();
    return bytes;
  }

  #copyList(value: ArrayLike<unknown>, depth: number): unknown[] | undefined {
    if (!this.spend(OBJECT_HEADER_BYTES)) return undefined;
    const items: unknown[] = [];
    for (let index = 0; index < value.length; index++) {
      if (!this.#hasRoomFor(MIN_ITEM_BYTES)) break;
      const item = this.copy(readProperty(value, index), depth + 1);
      if (item === undefined) break;
      items.push(item);
    }
    return items;
  }

  #copyMap(value: object, depth: number): Record<string, unknown> | undefined {
    if (!this.spend(OBJECT_HEADER_BYTES)) return undefined;
    const copy: Record<string, unknown> = {};
    const keys = this.#keysOf(value);
    const hashedBytes = hashedBytesOf(keys);
    for (const key of keys) {
      if (!this.#hasRoomFor(MIN_MEMBER_BYTES)) break;
      const item = readProperty(value, key);
      // A getter may have deleted a property after the keys were listed.
      if (item === undefined && !Object.hasOwn(value, key)) this.spend(KEY_BYTES);
      else if (!this.spend(hashedBytes) || !this.#copyMember(copy, key, item, depth)) break;
    }
    return copy;
  }

  #copyFields({ keys, values }: Fields, depth: number): Record<string, unknown> | undefined {
    if (!this.spend(OBJECT_HEADER_BYTES)) return undefined;
    const copy: Record<string, unknown> = {};
    const hashedBytes = hashedBytesOf(keys);
    for (let index = 0; index < keys.length; index++) {
      if (!this.spend(hashedBytes)) break;
      if (!this.#copyMember(copy, keys[index] as string, values[index], depth)) break;
    }
    return copy;
  }

  #copyMember(target: Record<string, unknown>, key: string, value: unknown, depth: number): boolean {
    if (!this.spend(keyBytes(key))) return false;
    const item = this.copy(value, depth + 1);
    if (item === undefined) return false;
    setOwn(target, key, item);
    return true;
  }

  #hasRoomFor(bytes: number): boolean {
    if (this.spentBytes + bytes <= this.#budgetBytes) return true;
    this.#overflow();
    return false;
  }

  #keysOf(value: object): readonly string[] {
    const known = this.#keysOfLarge?.get(value);
    if (known !== undefined) return known;
    const keys = Object.keys(value);
    if (keys.length > MANY_KEYS) {
      this.#keysOfLarge ??= new Map();
      this.#keysOfLarge.set(value, keys);
    }
    return keys;
  }
}

function hashedBytesOf(keys: readonly string[]): number {
  return keys.length > MANY_KEYS ? HASHED_MEMBER_BYTES : 0;
}

function exactNumber(value: bigint): number | undefined {
  const number = Number(value);
  return isInt64(value) && BigInt(number) === value ? number : undefined;
}
