/** Copies and weighs the values a log record can carry, however hostile, within a byte budget. */

/*
 * The sizes are estimates of V8 heap bytes on a 64-bit Node.js (8-byte pointers), made from what can be
 * read in constant time per value. Strings: whether V8 keeps one or two bytes per character cannot be
 * asked, so the first and the last character are looked at.
 */
const SLOT_BYTES = 8;
const STRING_HEADER_BYTES = 24;
const OBJECT_HEADER_BYTES = 56;
const HEAP_NUMBER_BYTES = 16;

/** Deeper than this the copy stops, long before the stack could overflow here or in an exporter. */
const MAX_DEPTH = 32;

const TOO_DEEP = '[too deep]';
const CIRCULAR = '[circular]';
const UNREADABLE = '[unreadable]';
/** What a cut-off string ends with. */
export const ELLIPSIS = '…';

export function stringBytes(text: string): number {
  const length = text.length;
  if (length === 0) return 0;
  const wide = text.charCodeAt(0) > 0xff || text.charCodeAt(length - 1) > 0xff;
  return STRING_HEADER_BYTES + (wide ? length * 2 : length);
}

/** The bytes of a value that needs no copy, or -1 for one that does (or cannot be kept: functions, symbols). */
export function primitiveBytes(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return SLOT_BYTES + stringBytes(value);
    case 'number':
      return SLOT_BYTES + HEAP_NUMBER_BYTES;
    case 'boolean':
    case 'undefined':
      return SLOT_BYTES;
    case 'bigint':
      // Weighed as two digits of 64 bits: a larger one is rare enough to be wrong about.
      return SLOT_BYTES + HEAP_NUMBER_BYTES * 2;
    case 'object':
      return value === null ? SLOT_BYTES : -1;
    default:
      return -1;
  }
}

/**
 * Cuts a string to `maxBytes` (estimated), never inside a surrogate pair.
 * The result owns its characters: V8's slice would keep the whole original alive.
 */
export function cutString(text: string, maxBytes: number): string {
  if (stringBytes(text) + SLOT_BYTES <= maxBytes) return text;
  let end = Math.max(0, Math.floor((maxBytes - SLOT_BYTES - STRING_HEADER_BYTES) / 2) - 1);
  const last = text.charCodeAt(end - 1);
  if (last >= 0xd800 && last <= 0xdbff) end--;
  return Buffer.from(text.slice(0, end) + ELLIPSIS, 'utf16le').toString('utf16le');
}

/** Copies values until its budget is spent; `spentBytes` and `truncated` say how that went. */
export class ValueCopier {
  spentBytes = 0;
  truncated = false;
  #budgetBytes: number;
  readonly #ancestors = new Set<object>();

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** Lets the next values spend `budgetBytes` more than was spent so far. */
  allow(budgetBytes: number): void {
    this.#budgetBytes = this.spentBytes + budgetBytes;
  }

  /**
   * A deep copy of plain data: what an OTLP encoder sees of the value, which is its own enumerable
   * properties. Never throws: what cannot be read, is circular or too deep becomes a short text instead.
   */
  copy(value: unknown, depth = 0): unknown {
    const bytes = primitiveBytes(value);
    const left = this.#budgetBytes - this.spentBytes;
    if (bytes >= 0) {
      if (bytes <= left) {
        this.spentBytes += bytes;
        return value;
      }
      this.truncated = true;
      const cut = typeof value === 'string' ? cutString(value, left) : undefined;
      this.spentBytes += primitiveBytes(cut);
      return cut;
    }
    if (typeof value !== 'object' || value === null) return undefined;
    if (depth >= MAX_DEPTH) return this.#placeholder(TOO_DEEP);
    if (this.#ancestors.has(value)) return this.#placeholder(CIRCULAR);
    this.#ancestors.add(value);
    try {
      return this.#copyObject(value, depth);
    } catch {
      return this.#placeholder(UNREADABLE);
    } finally {
      this.#ancestors.delete(value);
    }
  }

  #placeholder(text: string): string {
    this.spentBytes += primitiveBytes(text);
    return text;
  }

  #exhausted(): boolean {
    if (this.spentBytes < this.#budgetBytes) return false;
    this.truncated = true;
    return true;
  }

  #copyObject(value: object, depth: number): unknown {
    this.spentBytes += OBJECT_HEADER_BYTES;
    if (value instanceof Uint8Array) {
      const bytes = value.slice(0, Math.max(0, this.#budgetBytes - this.spentBytes));
      if (bytes.length < value.length) this.truncated = true;
      this.spentBytes += bytes.length + OBJECT_HEADER_BYTES;
      return bytes;
    }
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (let index = 0; index < value.length && !this.#exhausted(); index++) {
        items.push(this.#copyProperty(value, index, depth));
      }
      return items;
    }
    if (value instanceof Date) return new Date(value.getTime());
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      if (this.#exhausted()) break;
      const item = this.#copyProperty(value, key, depth);
      if (item === undefined) continue;
      this.spentBytes += SLOT_BYTES + STRING_HEADER_BYTES;
      // A plain assignment to '__proto__' would change the copy's prototype instead of adding a property.
      if (key === '__proto__') {
        Object.defineProperty(copy, key, {
          value: item,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      } else {
        copy[key] = item;
      }
    }
    return copy;
  }

  /** One unreadable property (a getter that throws) costs only itself. */
  #copyProperty(holder: object, key: string | number, depth: number): unknown {
    let value: unknown;
    try {
      value = (holder as Record<string | number, unknown>)[key];
    } catch {
      return this.#placeholder(UNREADABLE);
    }
    return this.copy(value, depth + 1);
  }
}
