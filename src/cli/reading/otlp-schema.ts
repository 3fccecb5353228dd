/** Tables of the OTLP messages for logs: the name and kind of each field in OTLP/JSON, by tag. */

import * as tags from '../../otlp/encoding/tags.ts';

export type Scalar =
  | 'text'
  | 'bytes'
  | 'identifier'
  | 'bool'
  | 'enum'
  | 'uint32'
  | 'fixed32'
  | 'fixed64'
  | 'int64'
  | 'double';

export interface Field {
  readonly name: string;
  readonly kind: Scalar | Message;
  readonly isRepeated: boolean;
}

export interface Message {
  readonly fields: ReadonlyMap<number, Field>;
  /** Whether setting a field clears the others. */
  readonly isOneof: boolean;
  /** Whether its values are one level deeper. */
  readonly isNesting: boolean;
  /** Fields that are present even when not set. */
  readonly defaults: () => Record<string, unknown>;
}

type Row = readonly [tag: number, name: string, kind: Scalar | Message];

function message(
  rows: readonly Row[],
  repeated: readonly Row[] = [],
  more: Partial<Omit<Message, 'fields'>> = {},
): Message {
  const fields = new Map([
    ...rows.map(([tag, name, kind]): [number, Field] => [tag, { name, kind, isRepeated: false }]),
    ...repeated.map(([tag, name, kind]): [number, Field] => [tag, { name, kind, isRepeated: true }]),
  ]);
  return { fields, isOneof: false, isNesting: false, defaults: () => ({}), ...more };
}

const LIST = { isNesting: true, defaults: () => ({ values: [] }) };
/** Filled below, because values contain lists and maps of values. */
const anyValueFields = new Map<number, Field>();
const ANY_VALUE: Message = { ...message([], [], { isOneof: true }), fields: anyValueFields };

const KEY_VALUE = message(
  [
    [tags.KEY, 'key', 'text'],
    [tags.VALUE, 'value', ANY_VALUE],
  ],
  [],
  { defaults: () => ({ key: '' }) },
);

for (const [tag, field] of message([
  [tags.STRING_VALUE, 'stringValue', 'text'],
  [tags.BOOL_VALUE, 'boolValue', 'bool'],
  [tags.INT_VALUE, 'intValue', 'int64'],
  [tags.DOUBLE_VALUE, 'doubleValue', 'double'],
  [tags.ARRAY_VALUE, 'arrayValue', message([], [[tags.VALUES, 'values', ANY_VALUE]], LIST)],
  [tags.KVLIST_VALUE, 'kvlistValue', message([], [[tags.VALUES, 'values', KEY_VALUE]], LIST)],
  [tags.BYTES_VALUE, 'bytesValue', 'bytes'],
]).fields) {
  anyValueFields.set(tag, field);
}

const RESOURCE = message(
  [[tags.RESOURCE_DROPPED_ATTRIBUTES, 'droppedAttributesCount', 'uint32']],
  [[tags.RESOURCE_ATTRIBUTES, 'attributes', KEY_VALUE]],
);

const SCOPE = message(
  [
    [tags.SCOPE_NAME, 'name', 'text'],
    [tags.SCOPE_VERSION, 'version', 'text'],
    [tags.SCOPE_DROPPED_ATTRIBUTES, 'droppedAttributesCount', 'uint32'],
  ],
  [[tags.SCOPE_ATTRIBUTES, 'attributes', KEY_VALUE]],
);

export const RESOURCE_LOGS = message([
  [tags.RESOURCE_OR_SCOPE, 'resource', RESOURCE],
  [tags.SCHEMA_URL, 'schemaUrl', 'text'],
]);

export const SCOPE_LOGS = message([
  [tags.RESOURCE_OR_SCOPE, 'scope', SCOPE],
  [tags.SCHEMA_URL, 'schemaUrl', 'text'],
]);

export const LOG_RECORD = message(
  [
    [tags.TIME, 'timeUnixNano', 'fixed64'],
    [tags.OBSERVED_TIME, 'observedTimeUnixNano', 'fixed64'],
    [tags.SEVERITY_NUMBER, 'severityNumber', 'enum'],
    [tags.SEVERITY_TEXT, 'severityText', 'text'],
    [tags.BODY, 'body', ANY_VALUE],
    [tags.DROPPED_ATTRIBUTES, 'droppedAttributesCount', 'uint32'],
    [tags.FLAGS, 'flags', 'fixed32'],
    [tags.TRACE_ID, 'traceId', 'identifier'],
    [tags.SPAN_ID, 'spanId', 'identifier'],
    [tags.EVENT_NAME, 'eventName', 'text'],
  ],
  [[tags.ATTRIBUTES, 'attributes', KEY_VALUE]],
);
