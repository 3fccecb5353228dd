/** Turns the body of an OTLP request into OTLP/JSON: whole, or as lines for the Collector's `otlpjsonfile` receiver. */

/*
 * OTLP specification, "JSON Protobuf Encoding": names in lowerCamelCase, trace and span ids in hexadecimal digits,
 * enums as numbers; the rest as the JSON mapping of Protocol Buffers has it: integers of 64 bits as decimal
 * texts, bytes in base64, what is not set is not there. Fields that are not known are left out.
 */

import type { Envelope } from '../../otlp/encoding/envelope-encoder.ts';
import { sectionsOf } from '../../otlp/encoding/request-decoder.ts';
import {
  ATTRIBUTES,
  BODY,
  DROPPED_ATTRIBUTES,
  EVENT_NAME,
  FLAGS,
  OBSERVED_TIME,
  RESOURCE_ATTRIBUTES,
  RESOURCE_DROPPED_ATTRIBUTES,
  RESOURCE_OR_SCOPE,
  SCHEMA_URL,
  SCOPE_ATTRIBUTES,
  SCOPE_DROPPED_ATTRIBUTES,
  SCOPE_NAME,
  SCOPE_VERSION,
  SEVERITY_NUMBER,
  SEVERITY_TEXT,
  SPAN_ID,
  TIME,
  TRACE_ID,
} from '../../otlp/encoding/tags.ts';
import { WireReader } from '../../protobuf/wire-reader.ts';
import { bigintOf, type JsonKeyValue, readJsonKeyValue, readJsonValue } from './json-values.ts';

type JsonObject = Record<string, unknown>;

interface JsonScopeLogs extends JsonObject {
  readonly logRecords: readonly JsonObject[];
}
interface JsonResourceLogs extends JsonObject {
  readonly scopeLogs: readonly JsonScopeLogs[];
}
export interface JsonRequest {
  readonly resourceLogs: readonly JsonResourceLogs[];
}

/** One request, without the line feed behind it. */
export interface JsonLine {
  readonly text: string;
  /** In UTF-8. */
  readonly bytes: number;
  readonly records: number;
}

/** @throws RangeError when it is no such request. */
export function requestToJson(request: Uint8Array): JsonRequest {
  const reader = new WireReader(request);
  return {
    resourceLogs: sectionsOf(request).map(({ envelope, scopes }) => ({
      ...fieldsOf(envelope, 'resource', readResource),
      scopeLogs: scopes.map((scope) => ({
        ...fieldsOf(scope.envelope, 'scope', readScope),
        logRecords: Array.from(remainingRecordsOf(reader, scope.ranges)),
      })),
    })),
  };
}

/**
 * The same records in requests of one scope each, whose lines take `maxBytes` at most. Only a record that is larger
 * by itself has a longer line, of its own.
 * @throws RangeError when it is no such request.
 */
export function* jsonLines(request: Uint8Array, maxBytes: number): Generator<JsonLine> {
  const reader = new WireReader(request);
  for (const { envelope, scopes } of sectionsOf(request)) {
    const resource = opened(fieldsOf(envelope, 'resource', readResource), 'scopeLogs');
    for (const scope of scopes) {
      const before = `{"resourceLogs":[${resource}${opened(fieldsOf(scope.envelope, 'scope', readScope), 'logRecords')}`;
      yield* linesAround(before, ']}]}]}', remainingRecordsOf(reader, scope.ranges), maxBytes);
    }
  }
}

function* linesAround(
  before: string,
  after: string,
  records: Iterable<JsonObject>,
  maxBytes: number,
): Generator<JsonLine> {
  const aroundBytes = Buffer.byteLength(before) + after.length;
  let texts: string[] = [];
  let bytes = aroundBytes;
  const line = () => ({ text: before + texts.join(',') + after, bytes: bytes - 1, records: texts.length });
  for (const record of records) {
    const text = JSON.stringify(record);
    const recordBytes = Buffer.byteLength(text) + 1;
    if (texts.length > 0 && bytes + recordBytes - 1 > maxBytes) {
      yield line();
      texts = [];
      bytes = aroundBytes;
    }
    texts.push(text);
    bytes += recordBytes;
  }
  if (texts.length > 0) yield line();
}

/** The text of an object up to the first item of its last field, a list. */
function opened(fields: JsonObject, list: string): string {
  return JSON.stringify({ ...fields, [list]: [] }).slice(0, -2);
}

function* remainingRecordsOf(reader: WireReader, ranges: readonly number[]): Generator<JsonObject> {
  for (let index = 0; index < ranges.length; index += 2) {
    reader.position = ranges[index] as number;
    reader.limit = ranges[index + 1] as number;
    reader.next();
    yield readRecord(reader);
  }
}

function readRecord(reader: WireReader): JsonObject {
  const record: JsonObject = {};
  const attributes: JsonKeyValue[] = [];
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.tag) {
      case TIME:
        record.timeUnixNano = readTime(reader);
        break;
      case OBSERVED_TIME:
        record.observedTimeUnixNano = readTime(reader);
        break;
      case SEVERITY_NUMBER:
        reader.varint64();
        record.severityNumber = reader.low | 0;
        break;
      case SEVERITY_TEXT:
        record.severityText = reader.text();
        break;
      case BODY:
        record.body = readJsonValue(reader);
        break;
      case ATTRIBUTES:
        attributes.push(readJsonKeyValue(reader));
        record.attributes = attributes;
        break;
      case DROPPED_ATTRIBUTES:
        record.droppedAttributesCount = reader.varint32();
        break;
      case FLAGS:
        record.flags = reader.fixed32();
        break;
      case TRACE_ID:
        record.traceId = reader.hex();
        break;
      case SPAN_ID:
        record.spanId = reader.hex();
        break;
      case EVENT_NAME:
        record.eventName = reader.text();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  return record;
}

function readTime(reader: WireReader): string {
  reader.fixed64();
  return BigInt.asUintN(64, bigintOf(reader.low, reader.high)).toString();
}

/** The fields of ResourceLogs or ScopeLogs but for the repeated one. */
function fieldsOf(
  { head, tail }: Envelope,
  name: 'resource' | 'scope',
  readSource: (reader: WireReader, source: JsonObject) => void,
): JsonObject {
  const fields: JsonObject = {};
  const source: JsonObject = {};
  for (const part of [head, tail]) {
    const reader = new WireReader(part);
    while (reader.next()) {
      if (reader.tag === RESOURCE_OR_SCOPE) {
        const outer = reader.enter();
        while (reader.next()) readSource(reader, source);
        reader.leave(outer);
        fields[name] = source;
      } else if (reader.tag === SCHEMA_URL) fields.schemaUrl = reader.text();
      else reader.skip();
    }
  }
  return fields;
}

function readResource(reader: WireReader, resource: JsonObject): void {
  if (reader.tag === RESOURCE_ATTRIBUTES) addAttribute(reader, resource);
  else if (reader.tag === RESOURCE_DROPPED_ATTRIBUTES) resource.droppedAttributesCount = reader.varint32();
  else reader.skip();
}

function readScope(reader: WireReader, scope: JsonObject): void {
  switch (reader.tag) {
    case SCOPE_NAME:
      scope.name = reader.text();
      break;
    case SCOPE_VERSION:
      scope.version = reader.text();
      break;
    case SCOPE_ATTRIBUTES:
      addAttribute(reader, scope);
      break;
    case SCOPE_DROPPED_ATTRIBUTES:
      scope.droppedAttributesCount = reader.varint32();
      break;
    default:
      reader.skip();
  }
}

function addAttribute(reader: WireReader, holder: JsonObject): void {
  const attributes = (holder.attributes ?? []) as JsonKeyValue[];
  attributes.push(readJsonKeyValue(reader));
  holder.attributes = attributes;
}
