/** Decodes OTLP `LogRecord`s to the records that an application emitted. */

import type { WireReader } from '../../protobuf/wire-reader.ts';
import type { EmittedRecord } from '../../queue/log-batch.ts';
import type { Resource, Scope } from './record-groups.ts';
import {
  ATTRIBUTES,
  BODY,
  DROPPED_ATTRIBUTES,
  EVENT_NAME,
  FLAGS,
  OBSERVED_TIME,
  SEVERITY_NUMBER,
  SEVERITY_TEXT,
  SPAN_ID,
  TIME,
  TRACE_ID,
} from './tags.ts';
import { readAttribute, readValue } from './value-decoder.ts';

type Attributes = Record<string, unknown>;
type Time = EmittedRecord['hrTime'];

const NANOS_PER_SECOND = 1_000_000_000;
const TWO_16 = 0x1_0000;
const TWO_32 = 0x1_0000_0000;

/** In memory, of a snapshot without its values. No encoded record has less than a sixteenth of it, for its two times. */
const RECORD_BYTES = 320;

/**
 * Reads a record, with its tag and length, from the reader's position to its limit. It differs from the emitted record:
 * - undefined and functions are null; an object is what `plainOf` says it stands for
 * - a bigint is a number if that is exact, and a text beyond 64 bits
 * - an empty severity text or event name, and what is no severity, are undefined
 * - lone surrogates are U+FFFD, and keys that become equal by that are one
 * - identifiers are in lower case, or empty if invalid; trace state and remoteness are missing
 * - times are a signed count of nanoseconds, from 1677 to 2262
 * @throws RangeError if it is not a record.
 */
export function readRecord(reader: WireReader, resource: Resource, scope: Scope): EmittedRecord {
  let hrTime: Time = [0, 0];
  let hrTimeObserved: Time = [0, 0];
  let severityNumber = 0;
  let severityText = '';
  let body: unknown;
  let eventName = '';
  let droppedAttributesCount = 0;
  let traceFlags = 0;
  let traceId = '';
  let spanId = '';
  const attributes: Attributes = {};
  reader.spend(RECORD_BYTES);
  reader.next();
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.tag) {
      case TIME:
        hrTime = readTime(reader);
        break;
      case SEVERITY_NUMBER:
        severityNumber = readSeverity(reader);
        break;
      case SEVERITY_TEXT:
        severityText = reader.name();
        break;
      case BODY:
        body = readValue(reader);
        break;
      case ATTRIBUTES:
        readAttribute(reader, attributes);
        break;
      case DROPPED_ATTRIBUTES:
        droppedAttributesCount = reader.varint32();
        break;
      case FLAGS:
        traceFlags = reader.fixed32();
        break;
      case TRACE_ID:
        traceId = reader.hex();
        break;
      case SPAN_ID:
        spanId = reader.hex();
        break;
      case OBSERVED_TIME:
        hrTimeObserved = readTime(reader);
        break;
      case EVENT_NAME:
        eventName = reader.name();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  const hasSpan = traceId !== '' || spanId !== '' || traceFlags !== 0;
  return {
    hrTime,
    hrTimeObserved,
    spanContext: hasSpan ? { traceId, spanId, traceFlags } : undefined,
    severityText: severityText || undefined,
    severityNumber: severityNumber || undefined,
    body,
    eventName: eventName || undefined,
    resource,
    instrumentationScope: scope,
    attributes,
    droppedAttributesCount,
  } as EmittedRecord;
}

/** @returns the severity number of the encoded record from `start` to `end`; 0 if it has none or is unreadable. */
export function severityOf(reader: WireReader, start: number, end: number): number {
  reader.position = start;
  reader.limit = end;
  try {
    reader.next();
    reader.enter();
    while (reader.next()) {
      if (reader.tag === SEVERITY_NUMBER) return readSeverity(reader);
      reader.skip();
    }
  } catch {
    // Records of a stored request are not validated.
  }
  return 0;
}

/** An enum is an int32, encoded in 64 bits if negative; negative severities count as none. */
function readSeverity(reader: WireReader): number {
  reader.varint64();
  return Math.max(reader.low | 0, 0);
}

/**
 * Long division in digits of 16 bits, so that every step is exact in a double. The count is signed, as the Collector
 * reads it: times before 1970 are more likely than those after 2262.
 */
function readTime(reader: WireReader): Time {
  reader.fixed64();
  const high = reader.high | 0;
  const seconds0 = Math.floor(high / NANOS_PER_SECOND);
  const rest1 = (high - seconds0 * NANOS_PER_SECOND) * TWO_16 + (reader.low >>> 16);
  const seconds1 = Math.floor(rest1 / NANOS_PER_SECOND);
  const rest2 = (rest1 - seconds1 * NANOS_PER_SECOND) * TWO_16 + (reader.low & 0xffff);
  const seconds2 = Math.floor(rest2 / NANOS_PER_SECOND);
  return [seconds0 * TWO_32 + seconds1 * TWO_16 + seconds2, rest2 - seconds2 * NANOS_PER_SECOND];
}
