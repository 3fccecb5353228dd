/** Writes the protobuf wire format into one growing buffer: only what OTLP logs are made of. */

/*
 * Protocol Buffers, "Encoding": a field is a tag (number << 3 | wire type) and a value. Wire types used
 * here: 0 varint, 1 fixed 64 bits, 2 length-delimited, 5 fixed 32 bits.
 *
 * The methods named `put…` take the position to write at and return the one behind: no room is made and
 * `position` stays, so that V8 keeps both in registers.
 */

/** A text up to this length is encoded by a loop: the call into native code costs more than it saves. */
const LOOP_TEXT_LENGTH = 48;

/** Larger than any varint and any fixed-width value, with its tag. */
const SMALL_FIELD_BYTES = 16;

/** A large buffer grows by this much at a time. */
const MAX_GROWTH_BYTES = 64 * 1024;

const TWO_16 = 0x1_0000;
const TWO_32 = 0x1_0000_0000;

/** What is written does not fit within the writer's limit. */
export class LimitReached extends RangeError {}

export class WireWriter {
  buffer: Buffer;
  #view: DataView;
  /** Where the next byte goes. May be set back to an earlier value, which forgets what came after. */
  position = 0;
  /** The buffer does not grow beyond this: what is too large to be kept is not written to its end first. */
  limit = Number.POSITIVE_INFINITY;
  // The last time that was written, as records come in bursts: its seconds and nanoseconds, and their halves.
  #seconds = 0;
  #nanos = 0;
  #timeLow = 0;
  #timeHigh = 0;

  constructor(capacityBytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(capacityBytes);
    this.#view = viewOf(this.buffer);
  }

  /** How much more fits within the limit. */
  get left(): number {
    return this.limit - this.position;
  }

  /** @throws LimitReached if `bytes` more do not fit; no room is made for them. */
  demand(bytes: number): void {
    if (bytes > this.left) throw limitReached();
  }

  /** Makes room for `bytes` more. @throws LimitReached */
  ensure(bytes: number): void {
    const needed = this.position + bytes;
    if (needed > this.buffer.length) this.#grow(needed);
  }

  /** Doubles, so that the copying is O(1) per byte in the long run, but a large buffer only by so much. */
  #grow(needed: number): void {
    if (needed > this.limit) throw limitReached();
    const length = this.buffer.length;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(length * 2, length + MAX_GROWTH_BYTES)));
    this.buffer.copy(larger, 0, 0, this.position);
    this.buffer = larger;
    this.#view = viewOf(larger);
  }

  /** A tag below 128, or any single byte. The caller has made room. */
  byte(value: number): void {
    this.buffer[this.position++] = value;
  }

  /** An unsigned integer of 32 bits; of any other number what the bit operators make of it. */
  varint32(value: number): void {
    this.ensure(SMALL_FIELD_BYTES);
    this.position = this.putVarint32(this.position, value >>> 0);
  }

  putVarint32(position: number, value: number): number {
    const buffer = this.buffer;
    let end = position;
    let rest = value >>> 0;
    while (rest > 0x7f) {
      buffer[end++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[end++] = rest;
    return end;
  }

  /** The two's complement of a 64-bit integer as a varint, from its halves. */
  putVarint64(position: number, low: number, high: number): number {
    const buffer = this.buffer;
    let end = position;
    let lo = low >>> 0;
    let hi = high >>> 0;
    while (hi > 0) {
      buffer[end++] = (lo & 0x7f) | 0x80;
      lo = ((lo >>> 7) | (hi << 25)) >>> 0;
      hi >>>= 7;
    }
    return this.putVarint32(end, lo);
  }

  fixed32(value: number): void {
    this.ensure(SMALL_FIELD_BYTES);
    this.#view.setUint32(this.position, value, true);
    this.position += 4;
  }

  putDouble(position: number, value: number): number {
    this.#view.setFloat64(position, value, true);
    return position + 8;
  }

  /**
   * Seconds and nanoseconds as one 64-bit count of nanoseconds, in halves: the product needs more than the
   * 53 bits of a double, so 10^9 is split into 15258 * 2^16 + 51712, which keeps every step exact. The bit
   * operators take a double modulo 2^32, far faster than `%` does.
   */
  putTime(position: number, time: readonly [number, number]): number {
    const seconds = time[0];
    const nanos = time[1];
    if (seconds !== this.#seconds || nanos !== this.#nanos) {
      const upper = seconds * 15258;
      const lower = ((upper & 0xffff) >>> 0) * TWO_16 + seconds * 51712 + nanos;
      this.#seconds = seconds;
      this.#nanos = nanos;
      this.#timeLow = lower | 0;
      this.#timeHigh = (Math.floor(upper / TWO_16) + Math.floor(lower / TWO_32)) | 0;
    }
    this.#view.setInt32(position, this.#timeLow, true);
    this.#view.setInt32(position + 4, this.#timeHigh, true);
    return position + 8;
  }

  /** Leaves room that is written later. */
  skip(bytes: number): void {
    this.ensure(bytes);
    this.position += bytes;
  }

  /** Bytes as they are. */
  raw(source: Uint8Array, start = 0, end = source.length): void {
    this.ensure(end - start);
    this.buffer.set(
      start === 0 && end === source.length ? source : source.subarray(start, end),
      this.position,
    );
    this.position += end - start;
  }

  /** The tag and the length of a value of known length, which the caller writes next. */
  delimited(tag: number, bytes: number): void {
    // Exactly what is needed, so that a buffer of the right size is filled to its end and does not grow.
    this.ensure(1 + lengthBytes(bytes));
    this.byte(tag);
    this.position = this.putVarint32(this.position, bytes);
  }

  /**
   * A text as UTF-8, without a length; a lone surrogate becomes U+FFFD, as protobuf demands valid UTF-8. The
   * caller has made room: three bytes for each UTF-16 unit.
   */
  putText(position: number, text: string): number {
    const length = text.length;
    if (length <= LOOP_TEXT_LENGTH) {
      const buffer = this.buffer;
      let index = 0;
      while (index < length) {
        const code = text.charCodeAt(index);
        if (code > 0x7f) break;
        buffer[position + index++] = code;
      }
      if (index === length) return position + length;
    }
    return position + this.buffer.write(text, position, 'utf8');
  }

  /** A text of any length, with its length before it. */
  string(text: string): void {
    this.#ensureText(text);
    // Most texts are ASCII, and then this is right.
    const reserved = lengthBytes(text.length);
    const start = this.position;
    this.position = this.putText(start + reserved, text);
    this.endLength(start, reserved);
  }

  /** UTF-8 takes three bytes at most for each UTF-16 unit; counted exactly only where that is not there. */
  #ensureText(text: string): void {
    const length = text.length;
    const left = this.buffer.length - this.position - SMALL_FIELD_BYTES;
    if (length * 3 <= left) return;
    this.ensure(SMALL_FIELD_BYTES + (this.position + length > this.limit ? length : Buffer.byteLength(text)));
  }

  /** Begins a length-delimited value whose length is not known: `reserved` bytes are left for it. */
  beginLength(reserved: number): number {
    this.ensure(SMALL_FIELD_BYTES);
    const start = this.position;
    this.position = start + reserved;
    return start;
  }

  /**
   * Ends what `beginLength` began at `start`; if its length takes another number of bytes, it is moved.
   * @returns that number.
   */
  endLength(start: number, reserved: number): number {
    const length = this.position - start - reserved;
    if (length <= 0x7f && reserved === 1) {
      this.buffer[start] = length;
      return 1;
    }
    return this.#endLongLength(start, reserved, length);
  }

  #endLongLength(start: number, reserved: number, length: number): number {
    const needed = lengthBytes(length);
    if (needed !== reserved) {
      this.ensure(SMALL_FIELD_BYTES);
      this.buffer.copyWithin(start + needed, start + reserved, this.position);
      this.position += needed - reserved;
    }
    this.putVarint32(start, length);
    return needed;
  }
}

function limitReached(): LimitReached {
  return new LimitReached('there is too much to write');
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
