/** What records are after they were stored as OTLP and read back, written without a look at the decoder. */

import type { EmittedRecord } from '../../src/queue/log-batch.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Every field of a record, and of its resource and scope, as plain data. */
export function fieldsOf(record: EmittedRecord): Fields {
  const { resource, instrumentationScope: scope } = record;
  return present({
    hrTime: record.hrTime,
    hrTimeObserved: record.hrTimeObserved,
    severityNumber: record.severityNumber,
    severityText: record.severityText,
    body: record.body,
    eventName: record.eventName,
    attributes: record.attributes,
    droppedAttributesCount: record.droppedAttributesCount,
    spanContext: record.spanContext,
    resource: present({ attributes: resource.attributes, schemaUrl: resource.schemaUrl }),
    scope: present({ ...scope }),
  });
}

/** The fields of a snapshot once OTLP has had them. */
export function storedFieldsOf(record: EmittedRecord): Fields {
  const { resource, spanContext } = record;
  const scope = record.instrumentationScope as EmittedRecord['instrumentationScope'] & {
    readonly attributes?: object;
    readonly droppedAttributesCount?: number;
  };
  return present({
    hrTime: storedTime(record.hrTime),
    hrTimeObserved: storedTime(record.hrTimeObserved),
    severityNumber: record.severityNumber || undefined,
    severityText: text(record.severityText),
    body: record.body === undefined ? undefined : storedValue(record.body),
    eventName: text(record.eventName),
    attributes: storedMap(record.attributes),
    droppedAttributesCount: record.droppedAttributesCount,
    spanContext: spanContext && { ...spanContext },
    resource: present({ attributes: storedMap(resource.attributes), schemaUrl: text(resource.schemaUrl) }),
    scope: present({
      name: text(scope.name) ?? '',
      version: text(scope.version),
      schemaUrl: text(scope.schemaUrl),
      attributes: isEmpty(scope.attributes) ? undefined : storedMap(scope.attributes ?? {}),
      droppedAttributesCount: scope.droppedAttributesCount || undefined,
    }),
  });
}

function storedValue(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return value.toWellFormed();
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) return value.toString();
      return BigInt(Number(value)) === value ? Number(value) : value;
    case 'symbol':
      return String(value);
    case 'object':
      if (value === null) return null;
      if (value instanceof Uint8Array) return Uint8Array.from(value);
      if (value instanceof Date) return value.toJSON() ?? 'Invalid Date';
      if (value instanceof Set) return Array.from(value, storedValue);
      if (value instanceof Map) return storedMap(Object.fromEntries(value));
      if (value instanceof Error) {
        const { name, message, stack, cause } = value;
        return storedMap({
          name,
          message,
          stack,
          ...(cause !== undefined && { cause }),
          ...(value as object),
        });
      }
      return Array.isArray(value) ? Array.from(value, storedValue) : storedMap(value);
    case 'number':
    case 'boolean':
      return value;
    default:
      return null;
  }
}

function storedMap(map: object): Fields {
  return Object.fromEntries(
    Object.entries(map).map(([key, value]) => [key.toWellFormed(), storedValue(value)]),
  );
}

/** A signed count of nanoseconds in 64 bits. */
function storedTime([seconds, nanos]: readonly [number, number]): [number, number] {
  const count = BigInt.asIntN(64, BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
  const rest = ((count % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return [Number((count - rest) / 1_000_000_000n), Number(rest)];
}

const text = (value: string | undefined) => value?.toWellFormed() || undefined;
const isEmpty = (attributes: object | undefined) => Object.keys(attributes ?? {}).length === 0;

/** A field that is undefined is no other than one that is not there. */
function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
