/** Copies and weighs the values a log record can carry, however hostile, within a byte budget. */

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
export const UNREADABLE = '[unreadable]';
const ELLIPSIS = '…';

const SHORT_STRING_LENGTH = 128;

/** Reading a character makes V8 flatten a concatenated string, which costs more than everything else here. */
export function stringBytes(text: string): number {
  const length = text.length;
  if (length <= SHORT_STRING_LENGTH) return STRING_HEADER_BYTES + length * 2;
  // V8 hides whether characters take one or two bytes: three are sampled, so a wide string may be underestimated.
  const sample = text.charCodeAt(0) | text.charCodeAt(length >> 1) | text.charCodeAt(length - 1);
  return STRING_HEADER_BYTES + (sample > 0xff ? length * 2 : length);
}

/** As in JSON: OTLP has no dates, and a plain exporter must get equal values from memory and from disk. */
function dateText(date: Date): string {
  const millis = date.getTime();
  return Number.isNaN(millis) ? 'Invalid Date' : new Date(millis).toISOString();
}

export function keyBytes(key: string): number {
  return key.length > LONG_KEY_LENGTH ? KEY_BYTES + stringBytes(key) : KEY_BYTES;
}

/** The bytes of a value that needs no copy; -1 for one that does, or that cannot be kept (functions, symbols). */
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
    case 'bigint':
      // Weighed as two 64-bit digits; larger ones are rare.
      return SLOT_BYTES + HEAP_NUMBER_BYTES * 2;
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

  constructor(budgetBytes: number) {
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
   * A deep copy of plain data, as an OTLP encoder sees it: own enumerable properties, and dates as text. Never throws:
   * unreadable, circular and too deep values become a short text, and values that do not fit become undefined.
   */
  copy(value: unknown, depth = 0): unknown {
    const bytes = primitiveBytes(value);
    if (bytes >= 0) {
      const left = this.#budgetBytes - this.spentBytes;
      if (bytes <= left) {
        this.spentBytes += bytes;
        return value;
      }
      const isWorthCutting = typeof value === 'string' && left >= MIN_CUT_BYTES;
      const cut = isWorthCutting ? this.#text(cutString(value, left)) : undefined;
      this.#overflow();
      return cut;
    }
    if (typeof value !== 'object' || value === null) return this.#text(undefined);
    if (depth >= MAX_DEPTH) return this.#text(TOO_DEEP);
    if (this.#ancestors.has(value)) return this.#text(CIRCULAR);
    this.#ancestors.add(value);
    try {
      return this.#copyObject(value, depth);
    } catch {
      return this.#text(UNREADABLE);
    } finally {
      this.#ancestors.delete(value);
    }
  }

  #text(text: string | undefined): string | undefined {
    return this.spend(primitiveBytes(text)) ? text : undefined;
  }

  /** After a value that did not fit, nothing more is copied: a copy is always a beginning of the original. */
  #overflow(): void {
    this.truncated = true;
    this.#budgetBytes = this.spentBytes;
  }

  #isFull(): boolean {
    if (this.spentBytes < this.#budgetBytes) return false;
    this.#overflow();
    return true;
  }

  #copyObject(value: object, depth: number): unknown {
    if (!this.spend(OBJECT_HEADER_BYTES)) return undefined;
    if (value instanceof Uint8Array) return this.#copyBytes(value);
    if (Array.isArray(value)) return this.#copyArray(value, depth);
    if (value instanceof Date) return this.#text(dateText(value));
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      const before = this.spentBytes;
      if (!this.spend(keyBytes(key))) break;
      const item = this.#copyProperty(value, key, depth);
      if (item !== undefined) setOwn(copy, key, item);
      else if (this.#isFull()) break;
      else this.spentBytes = before;
    }
    return copy;
  }

  #copyBytes(value: Uint8Array): Uint8Array | undefined {
    if (!this.spend(OBJECT_HEADER_BYTES)) return undefined;
    // Not the value's own slice(): a Buffer's is a view of the same memory.
    const bytes = Uint8Array.prototype.slice.call(value, 0, this.#budgetBytes - this.spentBytes);
    this.spentBytes += bytes.length;
    if (bytes.length < value.length) this.#overflow();
    return bytes;
  }

  #copyArray(value: readonly unknown[], depth: number): unknown[] {
    const items: unknown[] = [];
    for (let index = 0; index < value.length; index++) {
      const item = this.#copyProperty(value, index, depth);
      if (item === undefined && this.#isFull()) break;
      items.push(item);
    }
    return items;
  }

  #copyProperty(holder: object, key: string | number, depth: number): unknown {
    let value: unknown;
    try {
      value = (holder as Record<string | number, unknown>)[key];
    } catch {
      return this.#text(UNREADABLE);
    }
    return this.copy(value, depth + 1);
  }
}
