/** Decodes OTLP log requests in protobuf, field by field as opentelemetry-proto numbers them. */

import { ProtobufReader } from './protobuf-reader.ts';
import {
  emptyRecord,
  emptyScope,
  type OwnFields,
  type ReceivedAttributes,
  type ReceivedRecord,
  type ReceivedScope,
  setAttribute,
} from './received-record.ts';

/** The numbers of those fields of a record by which it can be known again. */
export const BODY = 5;
export const ATTRIBUTES = 6;

/**
 * ExportLogsServiceRequest { repeated ResourceLogs resource_logs = 1 }
 *
 * @param only the number of the one field that is read of each record, where the others are not looked at.
 */
export function decodeProtobuf(body: Buffer, only?: number): ReceivedRecord[] {
  const records: ReceivedRecord[] = [];
  eachField(new ProtobufReader(body), {
    1: (reader) => readResourceLogs(reader.message(), records, only),
  });
  return records;
}

/** How many records there are, without a look into them. */
export function countInProtobuf(body: Buffer): number {
  let count = 0;
  eachField(new ProtobufReader(body), {
    1: (request) =>
      eachField(request.message(), {
        2: (resourceLogs) =>
          eachField(resourceLogs.message(), {
            2: (scopeLogs) => {
              count++;
              scopeLogs.skip();
            },
          }),
      }),
  });
  return count;
}

/** What to do with the value of each field; others are skipped. */
type Fields = Readonly<Record<number, (reader: ProtobufReader) => void>>;

function eachField(reader: ProtobufReader, fields: Fields): void {
  for (let number = reader.field(); number !== 0; number = reader.field()) {
    const read = fields[number];
    if (read === undefined) reader.skip();
    else read(reader);
  }
}

/** { Resource resource = 1; repeated ScopeLogs scope_logs = 2 }, in any order. */
function readResourceLogs(reader: ProtobufReader, records: ReceivedRecord[], only: number | undefined): void {
  const resource: ReceivedAttributes = {};
  eachField(reader, {
    1: (inside) => eachField(inside.message(), { 1: (pair) => readKeyValue(pair.message(), resource) }),
    2: (inside) => readScopeLogs(inside.message(), resource, records, only),
  });
}

/** { InstrumentationScope scope = 1; repeated LogRecord log_records = 2 }, in any order. */
function readScopeLogs(
  reader: ProtobufReader,
  resource: ReceivedAttributes,
  records: ReceivedRecord[],
  only: number | undefined,
): void {
  const scope = emptyScope();
  eachField(reader, {
    1: (inside) => readScope(inside.message(), scope),
    2: (inside) => records.push({ ...readLogRecord(inside.message(), only), scope, resource }),
  });
}

function readScope(reader: ProtobufReader, scope: ReceivedScope): void {
  eachField(reader, {
    1: (inside) => {
      scope.name = inside.text();
    },
    2: (inside) => {
      scope.version = inside.text();
    },
    3: (inside) => readKeyValue(inside.message(), scope.attributes),
  });
}

function readLogRecord(reader: ProtobufReader, only: number | undefined): OwnFields {
  const record = emptyRecord();
  for (let number = reader.field(); number !== 0; number = reader.field()) {
    if (only !== undefined && number !== only) reader.skip();
    else if (number === 1) record.timeUnixNano = reader.fixed64();
    else if (number === 2) record.severityNumber = reader.count();
    else if (number === 3) record.severityText = reader.text();
    else if (number === BODY) record.body = readAnyValue(reader.message());
    else if (number === ATTRIBUTES) readKeyValue(reader.message(), record.attributes);
    else if (number === 7) record.droppedAttributesCount = reader.count();
    else if (number === 8) record.flags = reader.fixed32();
    else if (number === 9) record.traceId = reader.hex();
    else if (number === 10) record.spanId = reader.hex();
    else if (number === 11) record.observedTimeUnixNano = reader.fixed64();
    else if (number === 12) record.eventName = reader.text();
    else reader.skip();
  }
  return record;
}

function readKeyValue(reader: ProtobufReader, attributes: ReceivedAttributes): void {
  let key = '';
  let value: unknown;
  for (let number = reader.field(); number !== 0; number = reader.field()) {
    if (number === 1) key = reader.text();
    else if (number === 2) value = readAnyValue(reader.message());
    else reader.skip();
  }
  setAttribute(attributes, key, value);
}

function readAnyValue(reader: ProtobufReader): unknown {
  let value: unknown;
  for (let number = reader.field(); number !== 0; number = reader.field()) {
    if (number === 1) value = reader.text();
    else if (number === 2) value = reader.bool();
    else if (number === 3) value = reader.integer();
    else if (number === 4) value = reader.double();
    else if (number === 5) value = readList(reader.message());
    else if (number === 6) value = readMap(reader.message());
    else if (number === 7) value = reader.bytes();
    else reader.skip();
  }
  return value;
}

function readList(reader: ProtobufReader): unknown[] {
  const list: unknown[] = [];
  eachField(reader, { 1: (inside) => list.push(readAnyValue(inside.message())) });
  return list;
}

function readMap(reader: ProtobufReader): ReceivedAttributes {
  const map: ReceivedAttributes = {};
  eachField(reader, { 1: (inside) => readKeyValue(inside.message(), map) });
  return map;
}
