import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestCollector } from 'otel-spillway/testing';

test('no log is lost by an outage of the collector with a deploy in it', async (context) => {
  const collector = await TestCollector.start();
  context.after(() => collector.stop());
  const env = {
    ...process.env,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    SPOOL: mkdtempSync(join(tmpdir(), 'spool-')),
  };

  const orders: string[] = [];
  const deploy = () => {
    const service = spawn('node', ['service.ts'], { cwd: import.meta.dirname, env });
    context.after(() => service.kill('SIGKILL'));
    createInterface(service.stdout).on('line', (order) => orders.push(order));
    return service;
  };

  const before = deploy();
  await collector.received(20);
  await collector.become('dead');
  await sleep(1_000);
  before.kill('SIGTERM');
  await once(before, 'close');
  const after = deploy();
  await sleep(1_000);
  await collector.become('well');
  await collector.received(orders.length);
  after.kill('SIGTERM');
  await once(after, 'close');

  // Delivered at least once: what the collector had stored when it died, it may be sent again.
  const delivered = new Set(collector.records.map(({ attributes }) => attributes.order));
  assert.deepEqual(
    orders.filter((order) => !delivered.has(order)),
    [],
  );
});
