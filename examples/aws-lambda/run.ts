/** What a handler logs has arrived when its process is stopped after the answer, and not continued. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { TestCollector } from 'otel-spillway/testing';

const collector = await TestCollector.start();
const child = spawn(process.execPath, ['examples/aws-lambda/runtime.mjs'], {
  env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
  stdio: ['pipe', 'pipe', 'inherit'],
});
try {
  for (const order of [1, 2, 3]) {
    child.kill('SIGCONT');
    child.stdin.write(`${JSON.stringify({ order })}\n`);
    await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
    child.kill('SIGSTOP');
    assert.equal(collector.records.at(-1)?.body, `order ${order} stored`);
  }
  assert.equal(collector.account().records, 3);
} finally {
  child.kill('SIGKILL');
  await collector.stop();
}
