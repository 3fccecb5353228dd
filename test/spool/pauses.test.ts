/** How a large spool is looked through: in pieces, between which a process that has nothing else to do can end. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeFiles } from '../../src/spool/format/file-system.ts';
import { OrphanScanner, type PartitionScan } from '../../src/spool/ownership/lease-observer.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { temporaryDirectory } from '../support/spooled-harness.ts';
import { until } from '../support/until.ts';

test('a scan of many partitions pauses now and then, with timers that keep no process alive', async () => {
  const directory = temporaryDirectory();
  for (let number = 0; number < 20; number++) {
    mkdirSync(join(directory, `partition-${number.toString(16).padStart(16, '0')}`), { mode: 0o700 });
  }
  const clock = new ManualClock();
  let scan: PartitionScan | undefined;
  const scanner = new OrphanScanner({ directory, leaseMillis: 10_000 }, clock, nodeFiles);
  void scanner
    .scan(() => false)
    .then((result) => {
      scan = result;
    });
  let pauses = 0;
  while (scan === undefined) {
    await until(
      () => scan !== undefined || clock.pendingTimers > 0,
      () => 'neither a pause nor an end',
    );
    if (scan !== undefined) break;
    pauses++;
    expect(clock.keepAliveTimers).toBe(0);
    await clock.advance(1);
  }
  expect(scan.orphans).toHaveLength(20);
  expect(pauses).toBeGreaterThanOrEqual(4);
});
