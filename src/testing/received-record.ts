/** Log records as a test looks at them: plain JavaScript values, the same for both encodings. */

/** Attributes and maps; a value that is absent or empty is `undefined`. */
export type ReceivedAttributes = Record<string, unknown>;

/** The instrumentation scope: who has logged. */
export interface ReceivedScope {
  /** Empty if there is none. */
  name: string;
  /** Empty if there is none. */
  version: string;
  /** Those of the scope itself. */
  attributes: ReceivedAttributes;
}

/**
 * A log record as it arrived. Integers beyond 2^53 are their decimal digits, bytes a `Buffer`. What was not sent has
 * protobuf's default: 0, or an empty text.
 */
export interface ReceivedRecord {
  /** Text, or any other value. */
  body: unknown;
  /** Those of the record itself. */
  attributes: ReceivedAttributes;
  /** From 1 (TRACE) to 24 (FATAL4); 0 for none. */
  severityNumber: number;
  /** As the source calls it. */
  severityText: string;
  /** Empty if the record is no event. */
  eventName: string;
  /** Nanoseconds since 1970, as digits. */
  timeUnixNano: string;
  /** The same of the time at which OpenTelemetry saw it. */
  observedTimeUnixNano: string;
  /** In hexadecimal digits; empty outside a trace. */
  traceId: string;
  /** In hexadecimal digits; empty outside a span. */
  spanId: string;
  /** The trace flags. */
  flags: number;
  /** Attributes that the SDK has left out, by its limits. */
  droppedAttributesCount: number;
  /** Shared with the neighbours of the record, as is `resource`. */
  scope: ReceivedScope;
  /** The attributes of the resource. */
  resource: ReceivedAttributes;
}

/** Of what a record consists that it does not share with its neighbours. */
export type OwnFields = Omit<ReceivedRecord, 'scope' | 'resource'>;

export function emptyRecord(): OwnFields {
  return {
    body: undefined,
    attributes: {},
    severityNumber: 0,
    severityText: '',
    eventName: '',
    timeUnixNano: '0',
    observedTimeUnixNano: '0',
    traceId: '',
    spanId: '',
    flags: 0,
    droppedAttributesCount: 0,
  };
}

export function emptyScope(): ReceivedScope {
  return { name: '', version: '', attributes: {} };
}

/** An own property, whatever its name: `__proto__` is one as any other. */
export function setAttribute(attributes: ReceivedAttributes, key: string, value: unknown): void {
  if (key !== '__proto__') attributes[key] = value;
  else
    Object.defineProperty(attributes, key, { value, enumerable: true, writable: true, configurable: true });
}
