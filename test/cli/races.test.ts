/** What reading a spool makes of others who change it meanwhile. */

import { renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Findings } from '../../src/cli/reading/findings.ts';
import { batchesByAge, HolderObserver } from '../../src/cli/reading/spool-contents.ts';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from '../../src/index.ts';
import { nodeFiles, type SpoolFiles } from '../../src/spool/format/file-system.ts';
import { abandonedSpool, filesIn, killedProcess } from '../support/left-spool.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { record } from '../support/records.ts';
import { temporaryDirectory } from '../support/spooled-harness.ts';
import { until } from '../support/until.ts';

/** What is pending, and what is wrong. */
async function read(
  directory: string,
  files: SpoolFiles,
): Promise<{ pending: number[]; findings: unknown[] }> {
  const findings: unknown[] = [];
  const pending: number[] = [];
  for await (const batch of batchesByAge(directory, new Findings((one) => findings.push(one)), files)) {
    expect(await batch.read()).toBeDefined();
    pending.push(batch.pending);
  }
  return { pending, findings };
}

describe('while a spool is read', () => {
  test('a segment that is delivered and deleted counts as delivered', async () => {
    const directory = await abandonedSpool();
    const [segment = ''] = filesIn(directory, '.seg');
    const files: SpoolFiles = {
      ...nodeFiles,
      open: (path, flags, mode) => {
        if (path.endsWith('.ack')) unlinkSync(segment);
        return nodeFiles.open(path, flags, mode);
      },
    };
    expect(await read(directory, files)).toEqual({ pending: [], findings: [] });
  });

  test('a partition that is taken over is read under its new name, and nothing of it twice', async () => {
    // Two segments: a sixteenth of 1 MiB, but no more than a quarter of it, and 256 KiB at least.
    const fields = { attributes: { text: 'x'.repeat(10_000) } };
    const directory = await abandonedSpool({ fields, spool: { maxBytes: 2 ** 20 } });
    const segments = filesIn(directory, '.seg');
    expect(segments.length).toBe(2);
    const partition = join(segments[0] as string, '..');
    const files: SpoolFiles = {
      ...nodeFiles,
      open: (path, flags, mode) => {
        if (path === segments[1]) renameSync(partition, join(directory, 'partition-0123456789abcdef'));
        return nodeFiles.open(path, flags, mode);
      },
    };
    expect(await read(directory, files)).toEqual({ pending: [10, 10, 10], findings: [] });
  });
});

describe('of a partition it is known', () => {
  const stateIn = async (watch: HolderObserver): Promise<string[]> =>
    (await watch.observe()).map(({ state }) => state);

  test('the owner of a partition is known to live once its lease was seen to change, and for as long as that lasts', async () => {
    const other = await killedProcess();
    const clock = new ManualClock();
    const watch = new HolderObserver(other.directory, clock, nodeFiles);
    expect(await stateIn(watch)).toEqual(['silent']);
    expect(await stateIn(watch)).toEqual(['silent']);
    await other.advance(250);
    expect(await stateIn(watch)).toEqual(['alive']);
    await clock.advance(999);
    expect(await stateIn(watch)).toEqual(['alive']);
    await clock.advance(1);
    expect(await stateIn(watch)).toEqual(['free']);
    await other.shutdown({ strategy: 'immediate' });
    expect(await stateIn(watch)).toEqual(['free']);
  });

  test('a partition of this very process is known as its own', async () => {
    const directory = join(temporaryDirectory(), 'spool');
    const exporter = new SpillwayOtlpLogExporter({ url: 'http://127.0.0.1:1/v1/logs' });
    const own = new SpillwayLogRecordProcessor({ exporter, spool: { directory, mode: 'always' } });
    onTestFinished(() => own.shutdown({ strategy: 'immediate' }));
    own.onEmit(record());
    void own.forceFlush({ timeoutMillis: 1_000 }).catch(() => {});
    await until(() => own.stats().spooled.bytes > 0, 'a record on disk');
    expect(await stateIn(new HolderObserver(directory, new ManualClock(), nodeFiles))).toEqual(['own']);
  });
});
