/** A log record as it was when it was emitted, with an estimate of the heap it occupies. */

import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { EmittedRecord } from './log-batch.ts';
import { cutString, primitiveBytes, stringBytes, ValueCopier } from './value-copy.ts';

/**
 * What a record weighs before its strings, attributes and body: the snapshot itself, two timestamps, the
 * attributes object and the places in the batch's arrays.
 */
const RECORD_BYTES = 336;
const ATTRIBUTE_BYTES = 8;

/** Set on a record that was cut down to `maxRecordBytes`. */
export const TRUNCATED_ATTRIBUTE = 'spillway.truncated';
/** Names are short; a longer severity text or event name is cut when its record has to be cut. */
const NAME_BYTES = 512;

type Attributes = Record<string, unknown>;

/**
 * Holds its own attributes object, and copies of every value that is not a primitive: what the
 * application does to the originals after `emit` changes nothing here. One class with a fixed order of
 * fields, so that V8 gives all records one hidden class whichever generation of the SDK they come from.
 */
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

  constructor(record: EmittedRecord, maxBytes: number) {
    this.hrTime = record.hrTime;
    this.hrTimeObserved = record.hrTimeObserved;
    this.spanContext = record.spanContext;
    this.severityText = record.severityText;
    this.severityNumber = record.severityNumber;
    this.eventName = record.eventName;
    this.resource = record.resource;
    this.instrumentationScope = record.instrumentationScope;
    this.droppedAttributesCount = record.droppedAttributesCount;

    // The way of nearly every record: a body and attributes of primitives that fit.
    const attributes: Attributes = { ...(record.attributes as Attributes) };
    const body: unknown = record.body;
    let bytes = RECORD_BYTES + primitiveBytes(body);
    let plain = bytes >= RECORD_BYTES;
    for (const key in attributes) {
      const size = primitiveBytes(attributes[key]);
      if (size < 0) plain = false;
      bytes += size + ATTRIBUTE_BYTES;
    }
    if (this.severityText !== undefined && this.severityText.length > 16)
      bytes += stringBytes(this.severityText);
    if (this.eventName !== undefined) bytes += stringBytes(this.eventName);
    if (plain && bytes <= maxBytes) {
      this.attributes = attributes;
      this.body = body;
      this.#bytes = bytes;
      return;
    }

    if (bytes > maxBytes) {
      this.severityText = this.severityText && cutString(this.severityText, NAME_BYTES);
      this.eventName = this.eventName && cutString(this.eventName, NAME_BYTES);
    }
    const named = RECORD_BYTES + stringBytes(this.severityText ?? '') + stringBytes(this.eventName ?? '');
    const cut = this.severityText !== record.severityText || this.eventName !== record.eventName;
    const fitted = fit(body, attributes, maxBytes - named, cut);
    this.attributes = fitted.attributes;
    this.body = fitted.body;
    this.droppedAttributesCount += fitted.droppedAttributes;
    this.#bytes = named + fitted.bytes;
  }

  /** Estimated heap bytes of a snapshot. */
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

/**
 * Copies body and attributes into `budgetBytes`. Where they do not fit, small attributes are kept whole
 * and the body and the large ones share what is left, so that one huge value does not push out the rest.
 */
function fit(body: unknown, attributes: Attributes, budgetBytes: number, isCut: boolean): Fitted {
  const whole = new ValueCopier(budgetBytes);
  const copy: Attributes = {};
  for (const key in attributes) {
    copy[key] = whole.copy(attributes[key]);
    whole.spentBytes += ATTRIBUTE_BYTES;
  }
  const bodyCopy = whole.copy(body);
  if (!isCut && !whole.truncated && whole.spentBytes <= budgetBytes) {
    return { body: bodyCopy, attributes: copy, droppedAttributes: 0, bytes: whole.spentBytes };
  }
  return cutDown(body, attributes, budgetBytes);
}

/** An attribute below this is kept whole when the record is cut down, as long as all of them fit in half the budget. */
const SMALL_VALUE_BYTES = 256;
const MARK_BYTES = 96;

function cutDown(body: unknown, attributes: Attributes, budgetBytes: number): Fitted {
  const copier = new ValueCopier(0);
  const kept: Attributes = {};
  const large: string[] = [];
  let droppedAttributes = 0;
  for (const key in attributes) {
    const bytes = primitiveBytes(attributes[key]);
    if (bytes < 0 || bytes > SMALL_VALUE_BYTES) {
      large.push(key);
    } else if (copier.spentBytes + bytes <= budgetBytes / 2) {
      copier.allow(bytes);
      kept[key] = copier.copy(attributes[key]);
      copier.spentBytes += ATTRIBUTE_BYTES;
    } else {
      droppedAttributes++;
    }
  }
  const share = (budgetBytes - MARK_BYTES - copier.spentBytes) / (large.length + 1);
  for (const key of large) {
    copier.allow(share);
    kept[key] = copier.copy(attributes[key]);
  }
  copier.allow(share);
  const bodyCopy = copier.copy(body);
  kept[TRUNCATED_ATTRIBUTE] = true;
  return { body: bodyCopy, attributes: kept, droppedAttributes, bytes: copier.spentBytes + MARK_BYTES };
}
