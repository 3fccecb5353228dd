/** The log records of the benchmarks: every contender gets the same ones, each different from the one before. */

import { type Context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { LoggerProvider, type LogRecordProcessor, type ReadWriteLogRecord } from '@opentelemetry/sdk-logs';

export type Logger = ReturnType<LoggerProvider['getLogger']>;
type LogRecord = Parameters<Logger['emit']>[0];

const INFO = 9;

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, 'a');

/** The attribute by which a record can be told from all others. */
export const ID_ATTRIBUTE = 'request.id';

/** Records of one request share its span. */
const RECORDS_PER_SPAN = 8;
let span = ROOT_CONTEXT;

/** A service logs inside the spans of its requests. */
function spanOf(index: number): Context {
  if (index % RECORDS_PER_SPAN === 0) {
    const traceId = hex(0x4bf9_2f35 + index * 7_919, 32);
    span = trace.setSpanContext(ROOT_CONTEXT, {
      traceId,
      spanId: hex(0x00f0_67aa + index, 16),
      traceFlags: 1,
    });
  }
  return span;
}

const wideNames = Array.from({ length: 40 }, (_, index) => `app.request.attribute_${index}`);

/**
 * Six attributes in a span: what an access log of an HTTP service looks like. Its texts are flat, as they come out
 * of a parser (V8 makes a rope of a concatenation from 13 characters on); the body is a template's rope.
 */
export function typical(index: number): LogRecord {
  const path = `/orders/${index % 10_000}`;
  return {
    severityNumber: INFO,
    severityText: 'INFO',
    body: `GET ${path} 200 in ${index % 97} ms`,
    attributes: {
      'http.request.method': 'GET',
      'url.path': path,
      'http.response.status_code': 200,
      'http.server.request.duration': (index % 1_000) / 7,
      'enduser.id': `user-${index & 0xffff}`,
      [ID_ATTRIBUTE]: `r-${1_000_000_000 + index}`,
    },
    context: spanOf(index),
  };
}

export const shapes: Readonly<Record<string, (index: number) => LogRecord>> = {
  tiny: (index) => ({ severityNumber: INFO, body: `order ${index} was placed` }),
  typical,
  'wide, 40 attributes': (index) => ({
    ...typical(index),
    attributes: Object.fromEntries(
      wideNames.map((name, field) => {
        if (field % 4 === 0) return [name, index + field];
        if (field % 4 === 1) return [name, (index + field) / 8];
        return [name, `value ${index}-${field}`];
      }),
    ),
  }),
  nested: (index) => ({
    ...typical(index),
    body: {
      event: 'order placed',
      order: index,
      customer: {
        name: `customer ${index}`,
        roles: ['buyer', 'member'],
        address: { city: 'Utrecht', floor: 3 },
      },
      items: [
        { sku: `sku-${index}`, count: 1, price: 12.5 },
        { sku: `sku-${index + 1}`, count: 2, price: 0.75 },
      ],
    },
  }),
  'non-ASCII': (index) => ({
    ...typical(index),
    body: `Заказ ${index} оформлен, доставка завтра`,
    attributes: {
      клиент: `Покупатель №${index}`,
      城市: '東京都新宿区',
      état: 'expédié à l’heure',
      status: '📦 ok',
    },
  }),
};

/** Records as the SDK hands them to a processor. */
export function emitted(make: (index: number) => LogRecord, count: number): ReadWriteLogRecord[] {
  const records: ReadWriteLogRecord[] = [];
  const keep: LogRecordProcessor = {
    onEmit: (record) => void records.push(record),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  const logger = new LoggerProvider({ processors: [keep] }).getLogger('bench');
  for (let index = 0; index < count; index++) logger.emit(make(index));
  return records;
}
