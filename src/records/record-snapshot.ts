/** A log record as it was when it was emitted, with an estimate of the heap it occupies. */

import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { validSeverity } from '../common/severity-counts.ts';
import type { EmittedRecord } from '../queue/log-batch.ts';
import { readProperty } from './plain-value.ts';
import { cutString, keyBytes, primitiveBytes, setOwn, stringBytes, ValueCopier } from './value-copy.ts';

/** The snapshot itself, two timestamps, the attributes object and the slots in the batch's arrays. */
const RECORD_BYTES = 336;

/** Set on a record that was cut down to `maxRecordBytes`. */
const TRUNCATED_ATTRIBUTE = 'spillway.truncated';
/** If a record has to be cut, longer severity texts and event names are cut as well. */
const MAX_NAME_BYTES = 512;
/** Severity texts up to this length are few, and shared by all records: they weigh nothing. */
const SHARED_SEVERITY_LENGTH = 16;

type Attributes = Record<string, unknown>;

/** Values are copied, as applications may change them. The order of fields is fixed: one hidden class in V8. */
export class RecordSnapshot {
  readonly hrTime: ReadableLogRecord['hrTime'];
  readonly hrTimeObserved: ReadableLogRecord['hrTimeObserved'];
  readonly spanContext: ReadableLogRecord['spanContext'];
  readonly severityText: ReadableLogRecord['severityText'];
  readonly severityNumber: ReadableLogRecord['severityNumber'];
  readonly body: ReadableLogRecord['body'];
  readonly eventName: ReadableLogRecord['eventName'];
  readonly resource: ReadableLogRecord['resource'];
  readonly instrumentationScope: ReadableLogRecord['instrumentationScope'];
  readonly attributes: Attributes;
  readonly droppedAttributesCount: number;
  /** Private, so that an exporter that prints or spreads a record does not see it. */
  readonly #bytes: number;

  constructor(record: EmittedRecord | RecordSnapshot, maxBytes: number) {
    this.hrTime = record.hrTime;
    this.hrTimeObserved = record.hrTimeObserved;
    this.spanContext = record.spanContext;
    this.severityText = textOrNothing(record.severityText);
    this.severityNumber = severityOrNothing(record.severityNumber);
    this.eventName = textOrNothing(record.eventName);
    this.resource = record.resource;
    this.instrumentationScope = record.instrumentationScope;
    this.droppedAttributesCount = validCount(record.droppedAttributesCount);

    // The fast path of nearly every record: body and attributes are primitives and fit.
    const attributes = ownAttributes(record.attributes);
    const body: unknown = record.body;
    const bodyBytes = primitiveBytes(body);
    const named = RECORD_BYTES + namesBytes(this.severityText, this.eventName);
    let bytes = named + bodyBytes;
    let plain = bodyBytes >= 0;
    for (const key in attributes) {
      const value = attributes[key];
      const size = primitiveBytes(value);
      if (size < 0) plain = false;
      // As it comes back from disk.
      else if (value === undefined) setOwn(attributes, key, null);
      bytes += size + keyBytes(key);
    }
    if (plain && bytes <= maxBytes) {
      this.attributes = attributes;
      this.body = body;
      this.#bytes = bytes;
      return;
    }

    const copier = new ValueCopier(maxBytes - named);
    const whole = bytes <= maxBytes ? copyWhole(copier, body, attributes) : undefined;
    if (whole !== undefined) {
      this.attributes = whole.attributes;
      this.body = whole.body;
      this.#bytes = named + whole.bytes;
      return;
    }

    const nameBytes = Math.min(MAX_NAME_BYTES, maxBytes / 8);
    this.severityText = this.severityText && cutString(this.severityText, nameBytes);
    this.eventName = this.eventName && cutString(this.eventName, nameBytes);
    const cut = RECORD_BYTES + namesBytes(this.severityText, this.eventName);
    const fitted = cutDown(copier, body, attributes, maxBytes - cut);
    this.attributes = fitted.attributes;
    this.body = fitted.body;
    this.droppedAttributesCount += fitted.droppedAttributes;
    this.#bytes = cut + fitted.bytes;
  }

  static bytesOf(snapshot: RecordSnapshot): number {
    return snapshot.#bytes;
  }
}

interface Fitted {
  readonly body: unknown;
  readonly attributes: Attributes;
  readonly droppedAttributes: number;
  readonly bytes: number;
}

/** @returns undefined if body and attributes do not fit into the copier's budget. */
function copyWhole(copier: ValueCopier, body: unknown, attributes: Attributes): Fitted | undefined {
  const copy: Attributes = {};
  for (const key in attributes) {
    copier.spend(keyBytes(key));
    setOwn(copy, key, copier.copy(attributes[key]));
    if (copier.truncated) return undefined;
  }
  const bodyCopy = copyBody(copier, body);
  if (copier.truncated) return undefined;
  return { body: bodyCopy, attributes: copy, droppedAttributes: 0, bytes: copier.spentBytes };
}

/** Smaller attributes are kept whole, as long as all of them fit into half the budget. */
const SMALL_BYTES = 256;
/** A large attribute is dropped if its share is less than this. */
const MIN_SHARE_BYTES = 128;
const MARK_BYTES = 96;

/** Small attributes are kept whole; the body and large ones share the rest, so that none pushes out the others. */
function cutDown(copier: ValueCopier, body: unknown, attributes: Attributes, budgetBytes: number): Fitted {
  const available = budgetBytes - MARK_BYTES;
  copier.restart(0);
  const kept: Attributes = {};
  let droppedAttributes = 0;
  const keep = (key: string, allowedBytes: number) => {
    copier.allow(allowedBytes);
    const value = copier.spend(keyBytes(key)) ? copier.copy(attributes[key]) : undefined;
    if (value === undefined) droppedAttributes++;
    else setOwn(kept, key, value);
  };

  const large: string[] = [];
  for (const key in attributes) {
    // It was cut down before.
    if (key === TRUNCATED_ATTRIBUTE) continue;
    const valueBytes = primitiveBytes(attributes[key]);
    const bytes = valueBytes + keyBytes(key);
    if (valueBytes < 0 || bytes > SMALL_BYTES) large.push(key);
    else if (copier.spentBytes + bytes <= available / 2) keep(key, bytes);
    else droppedAttributes++;
  }
  let sharers = large.length + 1;
  for (const key of large) {
    const share = Math.floor((available - copier.spentBytes) / sharers--);
    if (share >= MIN_SHARE_BYTES) keep(key, share);
    else droppedAttributes++;
  }
  copier.allow(available - copier.spentBytes);
  const bodyCopy = copyBody(copier, body);
  kept[TRUNCATED_ATTRIBUTE] = true;
  return { body: bodyCopy, attributes: kept, droppedAttributes, bytes: copier.spentBytes + MARK_BYTES };
}

/** A body that is undefined is none. */
function copyBody(copier: ValueCopier, body: unknown): unknown {
  return body === undefined ? undefined : copier.copy(body);
}

/** Applications in plain JavaScript may pass anything as a name. An empty one is none, as in OTLP. */
function textOrNothing(name: string | undefined): string | undefined {
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function severityOrNothing(severityNumber: unknown): ReadableLogRecord['severityNumber'] {
  return validSeverity(severityNumber) || undefined;
}

/** A count as OTLP has it, in 32 bits; 0 for what is none. */
export function validCount(count: unknown): number {
  return typeof count === 'number' && count >>> 0 === count ? count : 0;
}

function namesBytes(severityText = '', eventName: string | undefined): number {
  const severityBytes = severityText.length > SHARED_SEVERITY_LENGTH ? stringBytes(severityText) : 0;
  return eventName === undefined ? severityBytes : severityBytes + stringBytes(eventName);
}

/**
 * A getter that throws costs only its own attribute. It is rare, so the fast path does not look for one; nor for too
 * many attributes, which the SDK limits, to 128 by default.
 */
function ownAttributes(source: object): Attributes {
  try {
    return { ...source };
  } catch {
    return readOneByOne(source);
  }
}

function readOneByOne(source: object): Attributes {
  const copy: Attributes = {};
  let keys: string[] = [];
  try {
    keys = Object.keys(source);
  } catch {
    // Unreadable keys count as none.
  }
  for (const key of keys) setOwn(copy, key, readProperty(source, key));
  return copy;
}
