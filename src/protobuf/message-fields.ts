/** Reads the few protobuf messages that a collector answers with, field by field. */

/** A varint as a bigint of 64 bits without a sign, or bytes; fields of a fixed width are skipped. */
export type ProtobufField = readonly [number: number, value: bigint | Uint8Array];

/** @throws RangeError when it is not a protobuf message. */
export function* protobufFields(message: Uint8Array): Generator<ProtobufField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError('not a protobuf message: a number does not end');
  };
  const skip = (bytes: number): number => {
    at += bytes;
    if (at > message.length) throw new RangeError('not a protobuf message: it is cut short');
    return at;
  };
  while (at < message.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    const type = Number(tag & 7n);
    if (number === 0) throw new RangeError('not a protobuf message: field 0');
    if (type === 0) yield [number, varint()];
    else if (type === 1) skip(8);
    else if (type === 2) {
      const length = Number(varint());
      yield [number, message.subarray(at, skip(length))];
    } else if (type === 5) skip(4);
    else throw new RangeError(`not a protobuf message: wire type ${type}`);
  }
}
