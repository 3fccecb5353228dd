/** Reads the protobuf wire format field by field, in place: a cursor that allocates nothing. */

/** The wire types (Protocol Buffers, "Encoding"): the lowest three bits of a tag. */
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

const MAX_VARINT_BYTES = 10;

/** What a message may become in memory: so many bytes for each of its own, and these. */
const BYTES_PER_BYTE = 16;
const FREE_BYTES = 16 * 1024 * 1024;

/** Longer names are rare and not cached. */
const MAX_NAME_BYTES = 64;

/**
 * Cache by a hash: attribute names recur, and setting a property is far faster with a known string than with a new one.
 */
const names: string[] = new Array<string>(512).fill('');

/**
 * Invariant: `position <= limit <= buffer.length`, so that each call advances or throws, whatever the input. Methods
 * that read throw RangeError for input that is not protobuf.
 */
export class WireReader {
  readonly buffer: Buffer;
  readonly #view: DataView;
  position = 0;
  /** End of the current message. */
  limit: number;
  /** Of the current field: number << 3 | wire type. */
  tag = 0;
  /** Unsigned halves of the last 64-bit number. */
  low = 0;
  high = 0;
  #leftBytes: number;

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.limit = bytes.byteLength;
    this.#leftBytes = bytes.byteLength * BYTES_PER_BYTE + FREE_BYTES;
  }

  /**
   * Call before something is made of what is read, with the memory that it takes. Two bytes can stand for an object of
   * hundreds. Whatever takes at most sixteen times its own bytes is never refused.
   */
  spend(bytes: number): void {
    this.#leftBytes -= bytes;
    if (this.#leftBytes < 0) throw new RangeError('what it says would take too much memory');
  }

  /** Advances to the next field; the caller must read or skip its value. @returns false at the end of the message. */
  next(): boolean {
    if (this.position === this.limit) return false;
    this.tag = this.varint32();
    if (this.tag < 8) throw new RangeError('not a protobuf message: field 0');
    return true;
  }

  skip(): void {
    switch (this.tag & 7) {
      case VARINT:
        this.varint64();
        break;
      case FIXED64:
        this.#pass(8);
        break;
      case DELIMITED:
        this.#pass(this.varint32());
        break;
      case FIXED32:
        this.#pass(4);
        break;
      default:
        throw new RangeError(`not a protobuf message: wire type ${this.tag & 7}`);
    }
  }

  /** Enters the message that is the field's value. @returns the argument for `leave`. */
  enter(): number {
    const length = this.varint32();
    const outer = this.limit;
    if (length > outer - this.position) throw cutShort();
    this.limit = this.position + length;
    return outer;
  }

  /** Continues after the message, however much of it was read. */
  leave(outer: number): void {
    this.position = this.limit;
    this.limit = outer;
  }

  /** An unsigned varint; throws if it exceeds 32 bits. */
  varint32(): number {
    const position = this.position;
    const byte = position < this.limit ? (this.buffer[position] as number) : 0x80;
    if (byte < 0x80) {
      this.position = position + 1;
      return byte;
    }
    this.varint64();
    if (this.high !== 0) throw cutShort();
    return this.low;
  }

  /** Reads a varint into `low` and `high`; drops bits beyond the 64th, as protobuf specifies. */
  varint64(): void {
    const { buffer, limit } = this;
    let position = this.position;
    const end = Math.min(limit, position + MAX_VARINT_BYTES);
    let low = 0;
    let high = 0;
    for (let shift = 0; position < end; shift += 7) {
      const byte = buffer[position++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        this.position = position;
        return;
      }
    }
    throw position === limit ? cutShort() : new RangeError('not a protobuf message: a number does not end');
  }

  /** A varint as a signed 64-bit integer. */
  int64(): bigint {
    this.varint64();
    return (BigInt(this.high | 0) << 32n) | BigInt(this.low);
  }

  fixed32(): number {
    const position = this.#pass(4);
    return this.#view.getUint32(position, true);
  }

  /** Reads into `low` and `high`. */
  fixed64(): void {
    const position = this.#pass(8);
    this.low = this.#view.getUint32(position, true);
    this.high = this.#view.getUint32(position + 4, true);
  }

  double(): number {
    return this.#view.getFloat64(this.#pass(8), true);
  }

  text(): string {
    const length = this.varint32();
    const start = this.#pass(length);
    return this.buffer.toString('utf8', start, start + length);
  }

  /** A text that most likely occurred before. */
  name(): string {
    const length = this.varint32();
    const start = this.#pass(length);
    const { buffer } = this;
    if (length === 0 || length > MAX_NAME_BYTES) return buffer.toString('utf8', start, start + length);
    const first = buffer[start] as number;
    const middle = buffer[start + (length >> 1)] as number;
    const last = buffer[start + length - 1] as number;
    const place = (length * 31 + first * 7 + middle * 17 + last * 3) & 0x1ff;
    const known = names[place] as string;
    if (known.length === length) {
      let index = 0;
      while (index < length && known.charCodeAt(index) === buffer[start + index]) index++;
      if (index === length) return known;
    }
    const name = buffer.toString('utf8', start, start + length);
    // As many characters as bytes: ASCII, or invalid bytes that became U+FFFD, which equals no byte.
    if (name.length === length) names[place] = name;
    return name;
  }

  hex(): string {
    const length = this.varint32();
    const start = this.#pass(length);
    return this.buffer.toString('hex', start, start + length);
  }

  /** A copy. */
  bytes(): Uint8Array<ArrayBuffer> {
    const length = this.varint32();
    const start = this.#pass(length);
    return new Uint8Array(this.buffer.subarray(start, start + length));
  }

  #pass(bytes: number): number {
    const start = this.position;
    if (bytes > this.limit - start) throw cutShort();
    this.position = start + bytes;
    return start;
  }
}

function cutShort(): RangeError {
  return new RangeError('not a protobuf message: it is cut short');
}
