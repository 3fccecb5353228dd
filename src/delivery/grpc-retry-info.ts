/** Finds the delay a gRPC server asks for: google.rpc.RetryInfo in the trailer `grpc-status-details-bin`. */

import { protobufFields } from '../protobuf/message-fields.ts';

/*
 * The trailer is a google.rpc.Status { int32 code = 1; string message = 2; repeated Any details = 3 }, a
 * detail an Any { string type_url = 1; bytes value = 2 }, its value here a RetryInfo { Duration retry_delay
 * = 1 }, and that a Duration { int64 seconds = 1; int32 nanos = 2 }. Reading these few fields does not
 * justify a protobuf library at run time; the tests write them with one.
 */
const TRAILER = 'grpc-status-details-bin';
/** More than a day is as much as a day. */
const DAY_MILLIS = 86_400_000;
const RETRY_INFO_TYPE = 'google.rpc.RetryInfo';

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
  for (const [number, value] of protobufFields(duration)) {
    if (typeof value !== 'bigint') continue;
    if (number === 1) millis += Number(BigInt.asIntN(64, value)) * 1000;
    if (number === 2) millis += Number(BigInt.asIntN(64, value)) / 1e6;
  }
  return Math.ceil(Math.min(Math.max(millis, 0), DAY_MILLIS));
}

function bytesFields(message: Uint8Array, wanted: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const [number, value] of protobufFields(message)) {
    if (number === wanted && typeof value !== 'bigint') found.push(value);
  }
  return found;
}
