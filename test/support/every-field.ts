/** What an application may emit: records that together set every field there is, to every kind of value. */

import { type logs, ROOT_CONTEXT, SeverityNumber, trace } from '@opentelemetry/api';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';

/** Every field of a record; the compiler knows when one is missing here. */
export const FIELDS = Object.keys({
  hrTime: 0,
  hrTimeObserved: 0,
  spanContext: 0,
  severityText: 0,
  severityNumber: 0,
  body: 0,
  eventName: 0,
  resource: 0,
  instrumentationScope: 0,
  attributes: 0,
  droppedAttributesCount: 0,
} satisfies Record<keyof ReadableLogRecord, 0>) as (keyof ReadableLogRecord)[];

const inSpan = trace.setSpanContext(ROOT_CONTEXT, {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: 1,
});

type Emitted = Parameters<ReturnType<typeof logs.getLogger>['emit']>[0];

export const everyField: Emitted[] = [
  {},
  { body: 'a message' },
  {
    timestamp: [1_700_000_000, 123_456_789],
    observedTimestamp: [1_700_000_001, 5],
    severityNumber: SeverityNumber.ERROR,
    severityText: 'ERROR',
    eventName: 'order.failed',
    body: { order: { id: 7, lines: [1.5, 'two', true, { deep: [null] }] }, raw: new Uint8Array([0, 255]) },
    attributes: {
      text: 'ünïcödé',
      integer: 42,
      float: 0.25,
      flag: false,
      list: ['a', 'b'],
      map: { of: { maps: [1, { and: 'lists' }] } },
      bytes: new Uint8Array([1, 2, 3]),
    },
    context: inSpan,
  },
  { body: 17, attributes: { nothing: undefined, empty: '', none: null } as never },
  { body: ['a', ['b', []], {}], severityText: 'INFO' },
  { body: 'an error', exception: new TypeError('no such order') } as Emitted,
  // Beyond the limits of the provider below: cut and dropped by the SDK, and counted.
  {
    attributes: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, 'x'.repeat(100)])),
  },
];
