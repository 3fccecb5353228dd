/** Writes the protobuf wire format into one growing buffer: only what OTLP logs are made of. */

/*
 * Protocol Buffers, "Encoding": a field is a tag (number << 3 | wire type) and a value. Wire types used
 * here: 0 varint, 1 fixed 64 bits, 2 length-delimited, 5 fixed 32 bits.
 */

/** A string up to this length is encoded by a loop: the call into native code costs more than it saves. */
const LOOP_STRING_LENGTH = 48;

/** Larger than any varint and any fixed-width value, with its tag. */
const SMALL_FIELD_BYTES = 16;

const TWO_32 = 0x1_0000_0000;

export class WireWriter {
  buffer: Buffer;
  #view: DataView;
  /** Where the next byte goes. May be set back to an earlier value, which forgets what came after. */
  position = 0;

  constructor(capacityBytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(capacityBytes);
    this.#view = viewOf(this.buffer);
  }

  /** Makes room for `bytes` more. Doubles, so that the copying is O(1) per byte in the long run. */
  ensure(bytes: number): void {
    const needed = this.position + bytes;
    if (needed > this.buffer.length) this.#grow(needed);
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.position);
    this.buffer = larger;
    this.#view = viewOf(larger);
  }

  /** A tag below 128, or any single byte. The caller has made room. */
  byte(value: number): void {
    this.buffer[this.position++] = value;
  }

  /** An unsigned integer up to 2^53. */
  varint(value: number): void {
    this.ensure(SMALL_FIELD_BYTES);
    this.#putVarint(value);
  }

  #putVarint(value: number): void {
    const buffer = this.buffer;
    let position = this.position;
    let rest = value;
    while (rest >= TWO_32) {
      buffer[position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    rest >>>= 0;
    while (rest > 0x7f) {
      buffer[position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[position++] = rest;
    this.position = position;
  }

  /** The two's complement of a 64-bit integer as a varint, from its halves. */
  varint64(low: number, high: number): void {
    this.ensure(SMALL_FIELD_BYTES);
    let lo = low >>> 0;
    let hi = high >>> 0;
    while (hi > 0 || lo > 0x7f) {
      this.buffer[this.position++] = (lo & 0x7f) | 0x80;
      lo = ((lo >>> 7) | (hi << 25)) >>> 0;
      hi >>>= 7;
    }
    this.buffer[this.position++] = lo;
  }

  fixed32(value: number): void {
    this.ensure(SMALL_FIELD_BYTES);
    this.#view.setUint32(this.position, value, true);
    this.position += 4;
  }

  fixed64(low: number, high: number): void {
    this.ensure(SMALL_FIELD_BYTES);
    this.#view.setUint32(this.position, low, true);
    this.#view.setUint32(this.position + 4, high, true);
    this.position += 8;
  }

  double(value: number): void {
    this.ensure(SMALL_FIELD_BYTES);
    this.#view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  /** Bytes with their length before them. */
  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.ensure(value.length);
    this.buffer.set(value, this.position);
    this.position += value.length;
  }

  /** Leaves room that is written later. */
  skip(bytes: number): void {
    this.ensure(bytes);
    this.position += bytes;
  }

  /** Bytes as they are. */
  raw(source: Buffer, start = 0, end = source.length): void {
    this.ensure(end - start);
    source.copy(this.buffer, this.position, start, end);
    this.position += end - start;
  }

  /** The tag and the length of a value of known length, which the caller writes next. */
  delimited(tag: number, bytes: number): void {
    // Exactly what is needed, so that a buffer of the right size is filled to its end and does not grow.
    this.ensure(1 + lengthBytes(bytes));
    this.byte(tag);
    this.#putVarint(bytes);
  }

  /**
   * Writes the characters of an ASCII text, without a length, at `position` (which is not `this.position`).
   * @returns the position behind them, or -1 if the text is not ASCII. The caller has made room.
   */
  ascii(text: string, position: number): number {
    const buffer = this.buffer;
    const length = text.length;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return -1;
      buffer[position + index] = code;
    }
    return position + length;
  }

  /** A string as UTF-8 with its length before it; a lone surrogate becomes U+FFFD, as protobuf demands valid UTF-8. */
  string(text: string): void {
    const length = text.length;
    // UTF-8 takes three bytes at most for each UTF-16 unit.
    this.ensure(length * 3 + SMALL_FIELD_BYTES);
    const start = this.position;
    if (length <= LOOP_STRING_LENGTH) {
      const end = this.ascii(text, start + 1);
      if (end >= 0) {
        this.buffer[start] = length;
        this.position = end;
        return;
      }
    }
    this.position = start + 1;
    this.position += this.buffer.write(text, this.position, 'utf8');
    this.endLength(start);
  }

  /** Begins a length-delimited value whose length is not known: one byte is left for it. */
  beginLength(): number {
    this.ensure(SMALL_FIELD_BYTES);
    return this.position++;
  }

  /** Ends what `beginLength` began at `start`; a value that needs a longer length than was left is moved. */
  endLength(start: number): void {
    const length = this.position - start - 1;
    if (length <= 0x7f) {
      this.buffer[start] = length;
      return;
    }
    const extra = lengthBytes(length) - 1;
    this.ensure(extra);
    this.buffer.copyWithin(start + 1 + extra, start + 1, this.position);
    const end = this.position + extra;
    this.position = start;
    this.varint(length);
    this.position = end;
  }
}

/** How many bytes a length takes as a varint. */
export function lengthBytes(length: number): number {
  if (length <= 0x7f) return 1;
  if (length <= 0x3fff) return 2;
  if (length <= 0x1f_ffff) return 3;
  return length <= 0xfff_ffff ? 4 : 5;
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
