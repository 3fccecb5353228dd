/** Decodes OTLP log requests in JSON: protobuf's mapping, with trace and span ids in hexadecimal digits. */

import {
  emptyRecord,
  type ReceivedAttributes,
  type ReceivedRecord,
  setAttribute,
} from './received-record.ts';

interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: number | string;
  doubleValue?: number | string;
  bytesValue?: string;
  arrayValue?: { values?: AnyValue[] };
  kvlistValue?: { values?: KeyValue[] };
}

interface KeyValue {
  key: string;
  value?: AnyValue | null;
}

interface LogRecord extends Partial<Omit<ReceivedRecord, 'body' | 'attributes' | 'scope' | 'resource'>> {
  body?: AnyValue | null;
  attributes?: KeyValue[];
}

interface ScopeLogs {
  scope?: { name?: string; version?: string; attributes?: KeyValue[] } | null;
  logRecords?: LogRecord[];
}

interface Request {
  resourceLogs?: { resource?: { attributes?: KeyValue[] } | null; scopeLogs?: ScopeLogs[] }[];
}

/** Throws when the body is no JSON, or not shaped as a request; members it does not know are ignored. */
export function decodeJson(body: Buffer): ReceivedRecord[] {
  const request: Request = JSON.parse(body.toString());
  const records: ReceivedRecord[] = [];
  for (const { resource, scopeLogs } of request.resourceLogs ?? []) {
    const ofResource = attributesOf(resource?.attributes);
    for (const { scope, logRecords } of scopeLogs ?? []) {
      const ofScope = {
        name: scope?.name ?? '',
        version: scope?.version ?? '',
        attributes: attributesOf(scope?.attributes),
      };
      for (const record of logRecords ?? []) {
        records.push({ ...ownFields(record), scope: ofScope, resource: ofResource });
      }
    }
  }
  return records;
}

function ownFields(record: LogRecord): ReturnType<typeof emptyRecord> {
  const empty = emptyRecord();
  return {
    body: plain(record.body),
    attributes: attributesOf(record.attributes),
    severityNumber: record.severityNumber ?? empty.severityNumber,
    severityText: record.severityText ?? empty.severityText,
    eventName: record.eventName ?? empty.eventName,
    timeUnixNano: String(record.timeUnixNano ?? empty.timeUnixNano),
    observedTimeUnixNano: String(record.observedTimeUnixNano ?? empty.observedTimeUnixNano),
    traceId: record.traceId ?? empty.traceId,
    spanId: record.spanId ?? empty.spanId,
    flags: record.flags ?? empty.flags,
    droppedAttributesCount: record.droppedAttributesCount ?? empty.droppedAttributesCount,
  };
}

function plain(value: AnyValue | null | undefined): unknown {
  if (value == null) return undefined;
  if (value.stringValue != null) return value.stringValue;
  if (value.boolValue != null) return value.boolValue;
  if (value.intValue != null) return exactInteger(String(value.intValue));
  // Also `"NaN"`, `"Infinity"` and `"-Infinity"`.
  if (value.doubleValue != null) return Number(value.doubleValue);
  if (value.bytesValue != null) return Buffer.from(value.bytesValue, 'base64');
  if (value.arrayValue != null) return (value.arrayValue.values ?? []).map(plain);
  if (value.kvlistValue != null) return attributesOf(value.kvlistValue.values);
  return undefined;
}

function attributesOf(pairs: KeyValue[] | null | undefined): ReceivedAttributes {
  const attributes: ReceivedAttributes = {};
  for (const { key, value } of pairs ?? []) setAttribute(attributes, key, plain(value));
  return attributes;
}

function exactInteger(digits: string): number | string {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : digits;
}
