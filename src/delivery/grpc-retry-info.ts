/** Finds the delay a gRPC server asks for: google.rpc.RetryInfo in the trailer `grpc-status-details-bin`. */

/*
 * The trailer is a google.rpc.Status { int32 code = 1; string message = 2; repeated Any details = 3 }, a
 * detail an Any { string type_url = 1; bytes value = 2 }, its value here a RetryInfo { Duration retry_delay
 * = 1 }, and that a Duration { int64 seconds = 1; int32 nanos = 2 }. Reading these few fields does not
 * justify a protobuf library at run time; the tests write them with one.
 */
const TRAILER = 'grpc-status-details-bin';
const RETRY_INFO_TYPE = 'google.rpc.RetryInfo';

type Field = readonly [number: number, value: number | Uint8Array];

/** @returns milliseconds, or undefined when the metadata has no such wish or cannot be read. */
export function retryDelayMillisOf(metadata: unknown): number | undefined {
  try {
    const values = (metadata as { get?(key: string): unknown[] } | undefined)?.get?.(TRAILER) ?? [];
    for (const value of values) {
      if (!(value instanceof Uint8Array)) continue;
      for (const detail of bytesFields(value, 3)) {
        const type = bytesFields(detail, 1)[0];
        if (type === undefined || !new TextDecoder().decode(type).endsWith(RETRY_INFO_TYPE)) continue;
        const duration = bytesFields(bytesFields(detail, 2)[0] ?? new Uint8Array(), 1)[0];
        return duration === undefined ? 0 : durationMillis(duration);
      }
    }
  } catch {
    // Not what it claims to be: then it asks for nothing.
  }
  return undefined;
}

function durationMillis(duration: Uint8Array): number {
  let millis = 0;
  for (const [number, value] of fields(duration)) {
    if (typeof value !== 'number') continue;
    if (number === 1) millis += value * 1000;
    if (number === 2) millis += value / 1e6;
  }
  // A negative int64 reads as a huge one here; neither it nor a wait beyond a day is taken at its word.
  return millis >= 0 && millis <= 86_400_000 ? Math.ceil(millis) : 0;
}

function bytesFields(message: Uint8Array, wanted: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const [number, value] of fields(message)) {
    if (number === wanted && typeof value !== 'number') found.push(value);
  }
  return found;
}

/** The fields of a protobuf message. @throws RangeError when it is cut short. */
function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError('protobuf message cut short');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield [number, varint()];
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint();
        if (at + length > message.length) throw new RangeError('protobuf message cut short');
        yield [number, message.subarray(at, at + length)];
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new RangeError('unknown protobuf wire type');
    }
  }
}
