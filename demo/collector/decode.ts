/** Decodes OTLP/HTTP log requests, in both encodings, with the protocol's official generated classes. */
import root from 'otlp-transformer-0.203/build/src/generated/root.js';

/** What is kept of the records that were stored: a count, their ids, or everything. */
export type Keep = 'count' | 'ids' | 'records';

/** A log record with its values turned into plain JavaScript, the same for both encodings. */
export interface ReceivedRecord {
  body: unknown;
  attributes: Record<string, unknown>;
  severityNumber: number;
  severityText: string;
  eventName: string;
  timeUnixNano: string;
  observedTimeUnixNano: string;
  traceId: string;
  spanId: string;
  droppedAttributesCount: number;
  scope: string;
  resource: Record<string, unknown>;
}

export interface DecodedRequest {
  count: number;
  /** One for each record unless only the count was asked for. */
  ids: string[];
  /** One for each record when whole records were asked for. */
  records: ReceivedRecord[];
}

type Encoding = 'protobuf' | 'json';

// The shapes below are the protocol's JSON mapping. Protobuf messages differ in two points only: 64-bit
// integers may be Long objects, and bytes are byte arrays; `text` and `hex` level that out.
interface AnyValue {
  stringValue?: string | null;
  boolValue?: boolean | null;
  intValue?: unknown;
  doubleValue?: number | null;
  bytesValue?: Uint8Array | string | null;
  arrayValue?: { values?: AnyValue[] } | null;
  kvlistValue?: { values?: KeyValue[] } | null;
}
interface KeyValue {
  key: string;
  value?: AnyValue | null;
}
interface LogRecord {
  timeUnixNano?: unknown;
  observedTimeUnixNano?: unknown;
  severityNumber?: number;
  severityText?: string;
  eventName?: string;
  body?: AnyValue | null;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
  traceId?: Uint8Array | string | null;
  spanId?: Uint8Array | string | null;
}
interface ExportLogsServiceRequest {
  resourceLogs?: {
    resource?: { attributes?: KeyValue[] } | null;
    scopeLogs?: { scope?: { name?: string } | null; logRecords?: LogRecord[] }[];
  }[];
}
interface ProtobufWriter {
  uint32(value: number): ProtobufWriter;
  int32(value: number): ProtobufWriter;
  string(value: string): ProtobufWriter;
  finish(): Uint8Array;
}
interface LogsService {
  ExportLogsServiceRequest: { decode(bytes: Uint8Array): ExportLogsServiceRequest };
  ExportLogsServiceResponse: { encode(message: object): ProtobufWriter };
}

const service = (
  root as unknown as { opentelemetry: { proto: { collector: { logs: { v1: LogsService } } } } }
).opentelemetry.proto.collector.logs.v1;

/** Throws when the body is not what its content type says. */
export function decodeRequest(
  body: Buffer,
  encoding: Encoding,
  keep: Keep,
  idAttribute: string | undefined,
): DecodedRequest {
  const request: ExportLogsServiceRequest =
    encoding === 'protobuf' ? service.ExportLogsServiceRequest.decode(body) : JSON.parse(body.toString());
  const decoded: DecodedRequest = { count: 0, ids: [], records: [] };
  for (const resourceLogs of request.resourceLogs ?? []) {
    const resource = keep === 'records' ? plainObject(resourceLogs.resource?.attributes) : {};
    for (const scopeLogs of resourceLogs.scopeLogs ?? []) {
      const records = scopeLogs.logRecords ?? [];
      decoded.count += records.length;
      if (keep === 'count') continue;
      for (const record of records) {
        decoded.ids.push(idOf(record, idAttribute));
        if (keep === 'records')
          decoded.records.push(receivedRecord(record, scopeLogs.scope?.name ?? '', resource));
      }
    }
  }
  return decoded;
}

/** The body of a 200 response; without a partial success it is the empty message. */
export function encodeResponse(
  encoding: Encoding,
  partial?: { rejected: number; message: string },
): Uint8Array {
  const message = partial
    ? { partialSuccess: { rejectedLogRecords: partial.rejected, errorMessage: partial.message } }
    : {};
  if (encoding === 'json') return Buffer.from(JSON.stringify(message));
  return service.ExportLogsServiceResponse.encode(message).finish();
}

/** The body of an error response: a `google.rpc.Status` with `code` (1) and `message` (2). */
export function encodeStatus(encoding: Encoding, code: number, message: string): Uint8Array {
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code, message }));
  // The logs classes do not include google.rpc.Status; an empty response encodes to no bytes and lends its writer.
  const writer = service.ExportLogsServiceResponse.encode({});
  return writer.uint32(0x08).int32(code).uint32(0x12).string(message).finish();
}

function idOf(record: LogRecord, idAttribute: string | undefined): string {
  if (idAttribute === undefined) return asText(plain(record.body));
  const attribute = record.attributes?.find((candidate) => candidate.key === idAttribute);
  return asText(plain(attribute?.value));
}

function receivedRecord(record: LogRecord, scope: string, resource: Record<string, unknown>): ReceivedRecord {
  return {
    body: plain(record.body),
    attributes: plainObject(record.attributes),
    severityNumber: record.severityNumber ?? 0,
    severityText: record.severityText ?? '',
    eventName: record.eventName ?? '',
    timeUnixNano: String(record.timeUnixNano ?? '0'),
    observedTimeUnixNano: String(record.observedTimeUnixNano ?? '0'),
    traceId: asHex(record.traceId),
    spanId: asHex(record.spanId),
    droppedAttributesCount: record.droppedAttributesCount ?? 0,
    scope,
    resource,
  };
}

/** A value that is absent, or present and empty, is `undefined`. */
function plain(value: AnyValue | null | undefined): unknown {
  if (value == null) return undefined;
  if (value.stringValue != null) return value.stringValue;
  if (value.boolValue != null) return value.boolValue;
  if (value.intValue != null) return asInteger(String(value.intValue));
  if (value.doubleValue != null) return value.doubleValue;
  if (value.bytesValue != null) {
    return typeof value.bytesValue === 'string'
      ? Buffer.from(value.bytesValue, 'base64')
      : Buffer.from(value.bytesValue);
  }
  if (value.arrayValue != null) return (value.arrayValue.values ?? []).map(plain);
  if (value.kvlistValue != null) return plainObject(value.kvlistValue.values);
  return undefined;
}

function plainObject(pairs: KeyValue[] | undefined): Record<string, unknown> {
  return Object.fromEntries((pairs ?? []).map((pair) => [pair.key, plain(pair.value)]));
}

function asInteger(digits: string): number | string {
  const integer = Number(digits);
  return Number.isSafeInteger(integer) ? integer : digits;
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function asHex(bytes: Uint8Array | string | null | undefined): string {
  if (bytes == null) return '';
  return typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('hex');
}
