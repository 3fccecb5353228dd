/** What an OTLP request of given records has to decode to, written without a look at the encoder, and the official decoder. */

import root from 'otlp-transformer-0.203/build/src/generated/root.js';
import type { EmittedRecord } from '../../src/queue/log-batch.ts';

/** The part of protobufjs' message classes that is used; the package's own types have another shape. */
interface MessageClass {
  decode(bytes: Uint8Array): object;
  encode(message: object): { finish(): Uint8Array };
  toObject(message: object, options: object): unknown;
}
const { ExportLogsServiceRequest } = (
  root as unknown as {
    opentelemetry: {
      proto: { collector: { logs: { v1: Record<'ExportLogsServiceRequest', MessageClass> } } };
    };
  }
).opentelemetry.proto.collector.logs.v1;

export interface PlainKeyValue {
  readonly key: string;
  readonly value: PlainValue;
}
export type PlainValue = Readonly<Record<string, unknown>>;
export type PlainRecord = Readonly<Record<string, unknown>> & {
  readonly attributes: readonly PlainKeyValue[];
};
interface PlainScopeLogs {
  readonly scope?: Readonly<Record<string, unknown>>;
  readonly logRecords: readonly PlainRecord[];
}
interface PlainResourceLogs {
  readonly resource?: Readonly<Record<string, unknown>>;
  readonly scopeLogs: readonly PlainScopeLogs[];
}
export interface PlainRequest {
  readonly resourceLogs: readonly PlainResourceLogs[];
}

/** Integers of 64 bits as decimal texts, bytes in base64, lists always there, everything else only if it was sent. */
export function decodeRequest(bytes: Uint8Array): PlainRequest {
  const options = { longs: String, bytes: String, arrays: true };
  return ExportLogsServiceRequest.toObject(ExportLogsServiceRequest.decode(bytes), options) as PlainRequest;
}

/** The same message in the official encoding: fields in order, nothing in more bytes than it needs. */
export function reencode(bytes: Uint8Array): Uint8Array {
  return ExportLogsServiceRequest.encode(ExportLogsServiceRequest.decode(bytes)).finish();
}

/** All records of a request, group after group. */
export function recordsIn(request: PlainRequest): PlainRecord[] {
  return request.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
}

export function expectedRequest(records: readonly EmittedRecord[]): PlainRequest {
  const resources = Map.groupBy(records, ({ resource }) => resource);
  return {
    resourceLogs: Array.from(resources, ([resource, ofResource]) => ({
      resource: { attributes: keyValues(resource.attributes), entityRefs: [] },
      ...named('schemaUrl', resource.schemaUrl),
      scopeLogs: Array.from(
        Map.groupBy(ofResource, ({ instrumentationScope }) => instrumentationScope),
        ([scope, ofScope]) => ({
          scope: expectedScope(scope as Scope),
          ...named('schemaUrl', scope.schemaUrl),
          logRecords: ofScope.map(expectedRecord),
        }),
      ),
    })),
  };
}

type Scope = EmittedRecord['instrumentationScope'] & {
  readonly attributes?: object;
  readonly droppedAttributesCount?: number;
};

function expectedScope(scope: Scope): Record<string, unknown> {
  return {
    ...named('name', scope.name),
    ...named('version', scope.version),
    attributes: keyValues(scope.attributes ?? {}),
    ...counted('droppedAttributesCount', scope.droppedAttributesCount),
  };
}

export function expectedRecord(record: EmittedRecord): PlainRecord {
  const { spanContext } = record;
  return {
    timeUnixNano: expectedNanos(record.hrTime),
    ...counted('severityNumber', record.severityNumber),
    ...named('severityText', record.severityText),
    ...(record.body !== undefined && { body: expectedValue(record.body) }),
    attributes: keyValues(record.attributes),
    ...counted('droppedAttributesCount', record.droppedAttributesCount),
    ...counted('flags', spanContext?.traceFlags),
    ...(spanContext && {
      traceId: Buffer.from(spanContext.traceId, 'hex').toString('base64'),
      spanId: Buffer.from(spanContext.spanId, 'hex').toString('base64'),
    }),
    observedTimeUnixNano: expectedNanos(record.hrTimeObserved),
    ...named('eventName', record.eventName),
  };
}

/** Times before 1970 wrap around, as the collector undoes it when it takes the count as signed. */
export function expectedNanos([seconds, nanos]: readonly [number, number]): string {
  return BigInt.asUintN(64, BigInt(seconds) * 1_000_000_000n + BigInt(nanos)).toString();
}

export function expectedValue(value: unknown): PlainValue {
  switch (typeof value) {
    case 'string':
      return { stringValue: value.toWellFormed() };
    case 'boolean':
      return { boolValue: value };
    case 'number':
      return Number.isInteger(value) && !Object.is(value, -0) && isInt64(BigInt(value))
        ? { intValue: String(BigInt(value)) }
        : { doubleValue: value };
    case 'bigint':
      return isInt64(value) ? { intValue: String(value) } : { stringValue: String(value) };
    case 'symbol':
      return { stringValue: String(value) };
    case 'object':
      if (value === null) return {};
      if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') };
      if (Array.isArray(value)) return { arrayValue: { values: Array.from(value, expectedValue) } };
      if (value instanceof Set) return expectedValue([...value]);
      if (value instanceof Date) return { stringValue: value.toJSON() ?? 'Invalid Date' };
      if (value instanceof Map) return { kvlistValue: { values: membersOf(value) } };
      if (value instanceof Error) return expectedError(value);
      return { kvlistValue: { values: keyValues(value) } };
    default:
      return {};
  }
}

function expectedError(error: Error): PlainValue {
  const { name, message, stack, cause } = error;
  const hidden = Object.entries({ name, message, stack, cause }).filter(([, value]) => value !== undefined);
  return { kvlistValue: { values: [...keyValues(Object.fromEntries(hidden)), ...keyValues(error)] } };
}

function keyValues(attributes: object): PlainKeyValue[] {
  return membersOf(Object.entries(attributes));
}

function membersOf(entries: Iterable<[string, unknown]>): PlainKeyValue[] {
  return Array.from(entries, ([key, value]) => ({ key: key.toWellFormed(), value: expectedValue(value) }));
}

const isInt64 = (value: bigint) => BigInt.asIntN(64, value) === value;

/** Protobuf does not send what is the default anyway. */
const named = (name: string, text: string | undefined) => (text ? { [name]: text.toWellFormed() } : {});
const counted = (name: string, count: number | undefined) => (count ? { [name]: count } : {});
