/** Copies and weighs the values a log record can carry, however hostile, within a byte budget. */

/*
 * The sizes are estimates of V8 heap bytes on a 64-bit Node.js (8-byte pointers), made from what can be
 * read in constant time per value: between half and twice the real growth of the heap (the tests measure
 * it). What a record shares with others is not seen: a string that is a slice of a large one keeps that
 * alive, and names of properties are taken as shared unless they are long.
 */
const SLOT_BYTES = 8;
const STRING_HEADER_BYTES = 24;
const OBJECT_HEADER_BYTES = 56;
const HEAP_NUMBER_BYTES = 16;
const KEY_BYTES = 8;
/** Longer names are made up at run time: they are weighed in full. */
const LONG_KEY_LENGTH = 64;
/** Less room than this is not worth a piece of a string. */
const MIN_CUT_BYTES = 64;

/**
 * Deeper than this a value is not kept, long before the stack could overflow here or in an exporter. Encoded, a
 * list or a map takes three levels of messages at most and a record six, and protobuf parsers stop at 100.
 */
export const MAX_DEPTH = 31;

const TOO_DEEP = '[too deep]';
const CIRCULAR = '[circular]';
export const UNREADABLE = '[unreadable]';
/** What a cut-off string ends with. */
const ELLIPSIS = '…';

/** A string up to this length is weighed at two bytes per character without a look at it. */
const SHORT_STRING_LENGTH = 128;

/**
 * Looking at a character of a string that was put together by concatenation makes V8 join its pieces,
 * which for the short strings of most records costs more than everything else here.
 */
export function stringBytes(text: string): number {
  const length = text.length;
  if (length <= SHORT_STRING_LENGTH) return STRING_HEADER_BYTES + length * 2;
  // Whether V8 keeps one or two bytes per character cannot be asked, so three of them are looked at: a
  // string that is wide because of others is taken for half its size.
  const sample = text.charCodeAt(0) | text.charCodeAt(length >> 1) | text.charCodeAt(length - 1);
  return STRING_HEADER_BYTES + (sample > 0xff ? length * 2 : length);
}

/** As JSON has it: OTLP knows no dates, and what a plain exporter is given is to be the same after the disk. */
function dateText(date: Date): string {
  const millis = date.getTime();
  return Number.isNaN(millis) ? 'Invalid Date' : new Date(millis).toISOString();
}

/** What the name of a property adds to its value. */
export function keyBytes(key: string): number {
  return key.length > LONG_KEY_LENGTH ? KEY_BYTES + stringBytes(key) : KEY_BYTES;
}

/** The bytes of a value that needs no copy, or -1 for one that does (or cannot be kept: functions, symbols). */
export function primitiveBytes(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return SLOT_BYTES + stringBytes(value);
    case 'number':
      // An integer of 32 bits is kept in the slot itself.
      return (value | 0) === value ? SLOT_BYTES : SLOT_BYTES + HEAP_NUMBER_BYTES;
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
 * Cuts a string to `maxBytes` (estimated, at least MIN_CUT_BYTES), never inside a surrogate pair.
 * The result owns its characters: V8's slice would keep the whole original alive.
 */
export function cutString(text: string, maxBytes: number): string {
  if (stringBytes(text) + SLOT_BYTES <= maxBytes) return text;
  let end = Math.floor((maxBytes - SLOT_BYTES - STRING_HEADER_BYTES) / 2) - 1;
  const last = text.charCodeAt(end - 1);
  if (last >= 0xd800 && last <= 0xdbff) end--;
  return Buffer.from(text.slice(0, end) + ELLIPSIS, 'utf16le').toString('utf16le');
}

/** Assigns where a plain assignment to '__proto__' would change the prototype instead of adding a property. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}

/**
 * Copies values until its budget is spent. `spentBytes` never exceeds what was allowed; `truncated` says that
 * something was left out for want of room.
 */
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

  /** Spends bytes on something the copier does not copy itself; false, and nothing spent, if they are not there. */
  spend(bytes: number): boolean {
    if (this.spentBytes + bytes > this.#budgetBytes) {
      this.#overflow();
      return false;
    }
    this.spentBytes += bytes;
    return true;
  }

  /**
   * A deep copy of plain data: what an OTLP encoder sees of the value, which is its own enumerable
   * properties, and dates as text. Never throws: what cannot be read, is circular or too deep becomes a short text instead, and
   * what there is no room for becomes undefined.
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

  /** What comes after something that did not fit is left out as well: the copy is a beginning, not a sieve. */
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

  /** One unreadable property (a getter that throws) costs only itself. */
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
