/** The tests that judge mutants: of what decides, on injected time, without sockets or processes. */

import { defineConfig } from 'vitest/config';

const FILES = [
  'breaker',
  'breaker-and-retry',
  'classify',
  'concurrency-limit',
  'disposition',
  'driver',
  'driver-learns',
  'export-context',
  'flush',
  'flush-timeout',
  'memory-guard',
  'pressure-gate',
  'queue-behaviour',
  'ready',
  'record-snapshot',
  'record-truncation',
  'refused-batches',
  'retry',
  'shutdown',
  'shutdown-again',
  'size-limit',
  'slow-exports',
  'spool-overflow',
  'spool-replay',
  'stats',
];

export default defineConfig({
  test: { include: FILES.map((name) => `test/${name}.test.ts`), isolate: false },
});
