/** Reads protobuf's wire format, written without a look at the library's own code: what both read the same is right. */

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Every method throws a `RangeError` for what is cut short or has another wire type than the field should have. */
export class ProtobufReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #wire = VARINT;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** The number of the next field, whose value is to be read or skipped then; 0 at the end of the message. */
  field(): number {
    if (this.#at === this.#end) return 0;
    const tag = this.#varint();
    const number = Math.floor(tag / 8);
    if (number === 0 || tag > 0xffff_ffff) throw new RangeError(`no tag: ${tag}`);
    this.#wire = tag % 8;
    return number;
  }

  skip(): void {
    if (this.#wire === VARINT) this.integer();
    else if (this.#wire === FIXED64) this.#take(8);
    else if (this.#wire === LENGTH) this.#take(this.#varint());
    else if (this.#wire === FIXED32) this.#take(4);
    else throw new RangeError(`wire type ${this.#wire}`);
  }

  /** A reader of the message inside. */
  message(): ProtobufReader {
    const start = this.#prefixed();
    return new ProtobufReader(this.#bytes, start, this.#at);
  }

  text(): string {
    const start = this.#prefixed();
    const text = this.#bytes.toString('utf8', start, this.#at);
    // Bytes that are no UTF-8 have become replacement characters, which may also have been sent as such.
    return text.includes('\ufffd') ? strictText.decode(this.#bytes.subarray(start, this.#at)) : text;
  }

  bytes(): Buffer {
    const start = this.#prefixed();
    return Buffer.from(this.#bytes.subarray(start, this.#at));
  }

  hex(): string {
    const start = this.#prefixed();
    return this.#bytes.toString('hex', start, this.#at);
  }

  bool(): boolean {
    return this.integer() !== 0;
  }

  /** A signed integer of 64 bits, as its digits where a number would not be exact. */
  integer(): number | string {
    this.#expect(VARINT);
    const start = this.#at;
    let last = start;
    while (last < this.#end && (this.#bytes[last] as number) >= 0x80) last++;
    if (last - start < 7) return this.#varint();
    if (last === this.#end || last - start > 9) throw new RangeError('a varint without an end');
    let value = 0n;
    for (let at = last; at >= start; at--) value = (value << 7n) | BigInt((this.#bytes[at] as number) & 0x7f);
    this.#at = last + 1;
    const signed = BigInt.asIntN(64, value);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : String(signed);
  }

  /** An unsigned integer of 32 bits, or an enumeration. */
  count(): number {
    return Number(this.integer());
  }

  double(): number {
    this.#expect(FIXED64);
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  /** The digits of an unsigned integer of 64 bits. */
  fixed64(): string {
    this.#expect(FIXED64);
    return String(this.#bytes.readBigUInt64LE(this.#take(8)));
  }

  fixed32(): number {
    this.#expect(FIXED32);
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  #expect(wire: number): void {
    if (this.#wire !== wire) throw new RangeError(`wire type ${this.#wire} where ${wire} belongs`);
  }

  /** Goes past what has its length in front of it. @returns where that begins. */
  #prefixed(): number {
    this.#expect(LENGTH);
    return this.#take(this.#varint());
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.#end - start)
      throw new RangeError(`${length} bytes where ${this.#end - start} are left`);
    this.#at = start + length;
    return start;
  }

  /** One of at most seven bytes: tags, lengths, and integers that are small. */
  #varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 49; factor *= 128) {
      if (this.#at === this.#end) throw new RangeError('a varint without an end');
      const byte = this.#bytes[this.#at++] as number;
      if (byte < 0x80) return value + byte * factor;
      value += (byte & 0x7f) * factor;
    }
    throw new RangeError('a varint that is too long');
  }
}
