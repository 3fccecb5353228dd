/** A scrape tells what became of the records: sent, dropped by nothing, the breaker closed. */
import assert from 'node:assert/strict';
import { bySigterm, type Check } from './support/play.ts';

const component = 'otel_component_name="spillway_log_processor/0"';

export const check: Check = async (start, collector) => {
  const example = await start();
  for (let served = 0; served < 3; served++) await example.get('/cart');
  await collector.until(({ records }) => records === 3);

  const scrape = await (await example.get('/metrics')).text();
  const sample = (name: string, ...labels: string[]): string | undefined =>
    scrape
      .split('\n')
      .find((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
      ?.split(' ')
      .at(-1);
  assert.equal(sample('otel_sdk_processor_log_processed_total', component), '3', scrape);
  assert.equal(sample('otel_sdk_processor_log_queue_capacity', component), '1048576');
  assert.equal(sample('spillway_breaker_state', component, 'spillway_breaker_state="closed"'), '1');
  assert.equal(sample('spillway_breaker_state', component, 'spillway_breaker_state="open"'), '0');
  assert.equal(sample('spillway_records_dropped_total', component), '0', 'nothing was dropped');

  const health = await example.get('/health');
  assert.deepEqual(await health.json(), { status: 'ok', reasons: [] });
  assert.deepEqual(await example.terminate(), bySigterm);
};
