/** The tests that judge mutants: of what decides, on injected time, without sockets or processes. */

import { defineConfig } from 'vitest/config';

const FILES = [
  'delivery/backoff',
  'delivery/classify',
  'delivery/concurrency-limit',
  'delivery/disposition',
  'delivery/driver',
  'delivery/driver-flush',
  'delivery/driver-outage',
  'delivery/evidence',
  'delivery/export-context',
  'delivery/flush-requests',
  'delivery/immediate-retries',
  'delivery/recovery',
  'delivery/search',
  'delivery/size-limit',
  'process/memory-guard',
  'processor/asked-anyway',
  'processor/breaker-and-retry',
  'processor/flush',
  'processor/flush-timeout',
  'processor/queue-behaviour',
  'processor/ready',
  'processor/refused-batches',
  'processor/shutdown',
  'processor/shutdown-again',
  'processor/slow-exports',
  'processor/stats',
  'queue/backpressure',
  'queue/queue-share',
  'queue/queued-batch',
  'queue/spill-plan',
  'records/record-snapshot',
  'records/record-truncation',
  'durable/overflow',
  'durable/replay',
];

export default defineConfig({
  test: { include: FILES.map((name) => `test/${name}.test.ts`), isolate: false },
});
