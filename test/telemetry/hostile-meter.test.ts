/** Metrics are what the host gives us to report through: a MeterProvider that fails costs no record. */

import type { MeterProvider } from '@opentelemetry/api';
import { MeterProvider as SdkMeterProvider } from '@opentelemetry/sdk-metrics';
import { expect, onTestFinished, test } from 'vitest';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from '../../src/index.ts';
import { TestCollector } from '../../src/testing/index.ts';
import { Harness, upTo } from '../support/harness.ts';
import { expectLaw, record } from '../support/records.ts';

/** Works until it is asked to record something. */
function failingProvider(): MeterProvider {
  const meter = new SdkMeterProvider().getMeter('failing');
  const fail = () => {
    throw new Error('no metrics today');
  };
  meter.createHistogram = () => ({ record: fail });
  meter.createCounter = () => ({ add: fail });
  meter.createUpDownCounter = () => ({ add: fail });
  return { getMeter: () => meter };
}

test('instruments that throw cost no record of a plain exporter', async () => {
  const h = new Harness({ meterProvider: failingProvider(), maxExportBatchSize: 4 });
  h.emit(8);
  await h.settle();
  expect(h.exporter.delivered).toEqual(upTo(8));
  await h.end();
});

test('instruments that throw cost no record of our own exporter', async () => {
  const collector = await TestCollector.start({ keep: 'ids', identity: 'body' });
  onTestFinished(() => collector.stop());
  const processor = new SpillwayLogRecordProcessor({
    exporter: new SpillwayOtlpLogExporter({ url: collector.logsUrl }),
    meterProvider: failingProvider(),
  });
  for (let index = 0; index < 8; index++) processor.onEmit(record({ body: String(index) }));
  await processor.forceFlush();
  expect(processor.stats()).toMatchObject({ exported: 8 });
  expect(collector.account().records).toBe(8);
  await processor.shutdown();
  expectLaw(processor.stats());
});
