/** Finds the delay that a gRPC server requests: google.rpc.RetryInfo in the trailer `grpc-status-details-bin`. */

import { WireReader } from '../protobuf/wire-reader.ts';

/*
 * The trailer is a google.rpc.Status { int32 code = 1; string message = 2; repeated Any details = 3 }, a
 * detail an Any { string type_url = 1; bytes value = 2 }, its value here a RetryInfo { Duration retry_delay
 * = 1 }, and that a Duration { int64 seconds = 1; int32 nanos = 2 }. Reading these few fields does not
 * justify a protobuf library at run time; the tests write them with one.
 */
const DETAILS = 0x1a;
const TYPE_URL = 0x0a;
const VALUE = 0x12;
const RETRY_DELAY = 0x0a;
const SECONDS = 0x08;
const NANOS = 0x10;
const TRAILER = 'grpc-status-details-bin';
/** Longer delays count as one day. */
const DAY_MILLIS = 86_400_000;
const RETRY_INFO_TYPE = 'google.rpc.RetryInfo';

/** @returns milliseconds; undefined if the metadata requests no delay or cannot be read. */
export function retryDelayMillisOf(metadata: unknown): number | undefined {
  try {
    const values = (metadata as { get?(key: string): unknown[] } | undefined)?.get?.(TRAILER) ?? [];
    for (const value of values) {
      if (!(value instanceof Uint8Array)) continue;
      const delayMillis = delayMillisIn(value);
      if (delayMillis !== undefined) return delayMillis;
    }
  } catch {
    // Unreadable metadata requests nothing.
  }
  return undefined;
}

/** Reads the first RetryInfo. @throws RangeError if the bytes are no protobuf message. */
function delayMillisIn(status: Uint8Array): number | undefined {
  const reader = new WireReader(status);
  while (reader.next()) {
    if (reader.tag !== DETAILS) {
      reader.skip();
      continue;
    }
    const { type, value } = readAny(reader);
    if (type.endsWith(RETRY_INFO_TYPE)) return retryDelayMillis(value);
  }
  return undefined;
}

function readAny(reader: WireReader): { type: string; value: Uint8Array } {
  const any = { type: '', value: new Uint8Array() };
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === TYPE_URL) any.type = reader.text();
    else if (reader.tag === VALUE) any.value = reader.bytes();
    else reader.skip();
  }
  reader.leave(outer);
  return any;
}

function retryDelayMillis(retryInfo: Uint8Array): number {
  let millis = 0;
  const reader = new WireReader(retryInfo);
  while (reader.next()) {
    if (reader.tag === RETRY_DELAY) millis += readDurationMillis(reader);
    else reader.skip();
  }
  return Math.ceil(Math.min(Math.max(millis, 0), DAY_MILLIS));
}

function readDurationMillis(reader: WireReader): number {
  let millis = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === SECONDS) millis += Number(reader.int64()) * 1000;
    else if (reader.tag === NANOS) millis += Number(reader.int64()) / 1e6;
    else reader.skip();
  }
  reader.leave(outer);
  return millis;
}
