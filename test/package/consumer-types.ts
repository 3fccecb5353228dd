/** A service written in TypeScript; compiled as an ES module and as CommonJS against each SDK generation. */
import {
  ConsoleLogRecordExporter,
  InMemoryLogRecordExporter,
  LoggerProvider,
  type LogRecordExporter,
  type LogRecordProcessor,
} from '@opentelemetry/sdk-logs';
import { SpillwayLogRecordProcessor } from 'otel-spillway';
import { type Condition, type ReceivedRecord, TestCollector } from 'otel-spillway/testing';

const exporter: LogRecordExporter = new InMemoryLogRecordExporter();
const processor = new SpillwayLogRecordProcessor({ exporter, maxQueueSize: 1_000 });
const asInterface: LogRecordProcessor = processor;

export const provider: LoggerProvider = new LoggerProvider({
  processors: [
    processor,
    asInterface,
    new SpillwayLogRecordProcessor({ exporter: new ConsoleLogRecordExporter() }),
  ],
});

export const offered: number = processor.stats().offered;
export const flushed: Promise<void> = processor.forceFlush();
export const stopped: Promise<void> = processor.shutdown();

const dead: Condition = 'dead';
export const received: Promise<readonly ReceivedRecord[]> = TestCollector.start({ condition: dead }).then(
  (collector) => collector.received(1),
);

// A type that does not resolve becomes `any` without a word; these must stay errors.
// @ts-expect-error a queue size is a number
new SpillwayLogRecordProcessor({ exporter, maxQueueSize: 'many' });
// @ts-expect-error nobody can become this
export const odd: Condition = 'odd';
// @ts-expect-error a string is no exporter
new SpillwayLogRecordProcessor({ exporter: 'console' });
// @ts-expect-error a count is not text
export const text: string = processor.stats().offered;
