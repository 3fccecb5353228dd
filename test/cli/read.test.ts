/** The commands that only read a spool: what they tell, and that they leave everything as it is. */

import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listCommand } from '../../src/cli/commands/list.ts';
import { showCommand } from '../../src/cli/commands/show.ts';
import { verifyCommand } from '../../src/cli/commands/verify.ts';
import { SEGMENT_HEADER_BYTES } from '../../src/spool/format/layout.ts';
import { jsonLinesOf, runHere, spool } from '../support/cli-run.ts';
import {
  abandonedSpool,
  filesIn,
  flipByte,
  killedProcess,
  settleIn,
  stateOf,
} from '../support/left-spool.ts';
import { numbers, temporaryDirectory } from '../support/spooled-harness.ts';

interface Shown {
  readonly body: { readonly intValue: string };
  readonly severityNumber: number;
  readonly settled?: boolean;
}

interface Exported {
  readonly resourceLogs: readonly {
    readonly resource: unknown;
    readonly scopeLogs: readonly { readonly scope: unknown; readonly logRecords: readonly Shown[] }[];
  }[];
}

const bodyOf = ({ body }: Shown): number => Number(body.intValue);

function recordsOf(requests: readonly Exported[]): Shown[] {
  return requests
    .flatMap(({ resourceLogs }) => resourceLogs)
    .flatMap(({ scopeLogs }) => scopeLogs)
    .flatMap(({ logRecords }) => logRecords);
}

describe('list', () => {
  test('`list` shows for each partition its owner, its pending records by severity, and their age', async () => {
    const killed = await killedProcess({ records: 20 });
    await abandonedSpool({ records: 12, from: 20, beside: killed });
    const { code, stdout, stderr } = await spool('list', killed.directory);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`^partition-\\w{16} {2}held by pid ${process.pid} on .+, since 2026-01-01T`, 'm'),
    );
    expect(stdout).toMatch(/^partition-\w{16} {2}free$/m);
    expect(stdout).toMatch(/^ {2}20 records, 2 batches, 1 segment, [\d.]+ (B|KiB)$/m);
    expect(stdout).toMatch(/^ {2}oldest 2026-01-01T00:00:01\.000Z \(\d+ d \d+ h ago\), newest 2026-01-01T/m);
    expect(stdout).toMatch(/^ {2}ERROR 5, WARN 5, INFO 5, DEBUG 5$/m);
    expect(stdout).toMatch(/^total, 2 partitions\n {2}32 records, 4 batches, 2 segments, /m);
  });

  test('`list` says the same as JSON, and counts no settled record', async () => {
    const directory = await abandonedSpool();
    // Numbers 3 to 5 of the first ten: ERROR, DEBUG, INFO.
    await settleIn(directory, 3, 3);
    const { code, stdout } = await runHere(listCommand, directory, '--json');
    const { partitions, total, quarantined } = JSON.parse(stdout);
    expect(code).toBe(0);
    const pending = {
      segments: 1,
      batches: 3,
      records: 27,
      severities: { UNSPECIFIED: 0, TRACE: 0, DEBUG: 7, INFO: 7, WARN: 7, ERROR: 6, FATAL: 0 },
      oldest: '2026-01-01T00:00:01.000Z',
      newest: '2026-01-01T00:00:01.000Z',
    };
    expect(partitions).toEqual([
      { ...pending, partition: expect.any(String), state: 'free', bytes: expect.any(Number) },
    ]);
    expect(total).toMatchObject(pending);
    const bytes = filesIn(directory).filter((path) => !path.endsWith('lease.released'));
    expect(total.bytes).toBe(bytes.reduce((sum, path) => sum + readFileSync(path).length, 0));
    expect(quarantined).toEqual({ files: 0, bytes: 0 });
  });

  test('`list` says of a spool in which nothing is left that it is empty', async () => {
    const { code, stdout } = await runHere(listCommand, temporaryDirectory());
    expect(code).toBe(0);
    expect(stdout).toBe('total, 0 partitions\n  0 records, 0 batches, 0 segments, 0 B\n');
  });
});

describe('show', () => {
  test('`show` prints pending records with their scope and resource, the oldest batch of all partitions first', async () => {
    const killed = await killedProcess({ records: 20 });
    await abandonedSpool({ records: 10, from: 20, beside: killed });
    const end = await spool('show', killed.directory);
    expect(end).toMatchObject({ code: 0, stderr: '' });
    const records = jsonLinesOf<Shown>(end);
    expect(records.map(bodyOf)).toEqual(numbers(0, 30));
    expect(records[0]).toEqual({
      timeUnixNano: '1700000000000000000',
      observedTimeUnixNano: '1700000000000000000',
      severityNumber: 5,
      severityText: 'INFO',
      body: { intValue: '0' },
      scope: { name: 'test' },
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'test' } }] },
    });
  });

  test('`show` leaves out settled records unless they are asked for, and then marks them', async () => {
    const directory = await abandonedSpool({ records: 10 });
    await settleIn(directory, 2, 3);
    const pending = jsonLinesOf<Shown>(await runHere(showCommand, directory));
    expect(pending.map(bodyOf)).toEqual([0, 1, 5, 6, 7, 8, 9]);
    const all = jsonLinesOf<Shown>(await runHere(showCommand, directory, '--all'));
    expect(all.map(bodyOf)).toEqual(numbers(0, 10));
    expect(all.filter(({ settled }) => settled).map(bodyOf)).toEqual([2, 3, 4]);
  });

  test('`show` prints no more records than asked for, and none below a severity', async () => {
    const directory = await abandonedSpool();
    const warnings = jsonLinesOf<Shown>(
      await runHere(showCommand, directory, '--severity', 'warn', '--limit', '12'),
    );
    expect(warnings.map(bodyOf)).toEqual(numbers(0, 24).filter((number) => number % 4 >= 2));
    expect(await runHere(showCommand, directory, '--severity', '18')).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('verify', () => {
  test('`verify` finds no damage in what the library has written, and has read all of it', async () => {
    const directory = await abandonedSpool();
    await settleIn(directory, 2, 3);
    const { code, stdout } = await runHere(verifyCommand, directory);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^1 partition, 1 segment, 3 batches, [\d.]+ (B|KiB): no damage\n$/);
  });

  test('`verify` does not take a write that has not come to its end for damage', async () => {
    const directory = await abandonedSpool();
    const [path = ''] = filesIn(directory, '.seg');
    writeFileSync(path, readFileSync(path).subarray(0, -20));
    const { code, stdout } = await runHere(verifyCommand, directory);
    expect(stdout).toMatch(/^note .*00000001\.seg: \d+ bytes of a write that has not come to its end$/m);
    expect(stdout).toMatch(/2 batches, .*: no damage$/m);
    expect(code).toBe(0);
  });

  test.each([
    [
      'a payload',
      '.seg',
      -1,
      /^damage +partition-\w+\/00000001\.seg: the checksum of batch 2 with 10 records is wrong$/m,
    ],
    ['a frame’s header', '.seg', SEGMENT_HEADER_BYTES + 20, /^damage .*\.seg: [\d,]+ bytes are no batch$/m],
    [
      'a segment’s header',
      '.seg',
      3,
      /^damage .*\.seg: 36 bytes are no batch, the header of the file among them$/m,
    ],
    ['an acknowledgement', '.ack', 5, /^damage .*00000001\.ack: 1 acknowledgement of 1 cannot be read$/m],
  ])('`verify` finds damage in %s', async (_, replayEnd, at, finding) => {
    const directory = await abandonedSpool();
    await settleIn(directory, 2, 3);
    flipByte(filesIn(directory, replayEnd)[0] as string, at);
    const { code, stdout } = await runHere(verifyCommand, directory);
    expect(stdout).toMatch(finding);
    expect(stdout).toMatch(/: damage was found\n$/);
    expect(code).toBe(2);
  });
});

describe('export', () => {
  test('`export` writes requests with every pending record once, and none that is settled', async () => {
    const directory = await abandonedSpool();
    await settleIn(directory, 2, 3);
    const end = await spool('export', directory);
    expect(end).toMatchObject({ code: 0, stderr: 'otel-spillway: 27 records exported\n' });
    const requests = jsonLinesOf<Exported>(end);
    expect(recordsOf(requests).map(bodyOf)).toEqual(
      numbers(0, 30).filter((number) => number < 2 || number > 4),
    );
    expect(requests[0]?.resourceLogs[0]).toMatchObject({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'test' } }] },
      scopeLogs: [{ scope: { name: 'test' } }],
    });
  });

  test('`export` keeps lines below the limit of the Collector, and writes a file that only its owner can read', async () => {
    const directory = await abandonedSpool({ fields: { attributes: { text: 'ü"\n'.repeat(40_000) } } });
    const output = join(temporaryDirectory(), 'records.jsonl');
    expect(await spool('export', directory, '--output', output)).toMatchObject({ code: 0, stdout: '' });
    const stdout = readFileSync(output, 'utf8');
    const lines = stdout.split('\n').slice(0, -1);
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThan(1024 * 1024);
    const records = recordsOf(lines.map((line) => JSON.parse(line) as Exported));
    expect(records.map(bodyOf)).toEqual(numbers(0, 30));
    expect((stateOf(join(output, '..'))[1] as { mode: number }).mode & 0o777).toBe(0o600);
  });

  test('`export` does not write over a file that exists', async () => {
    const directory = await abandonedSpool();
    const [segment = ''] = filesIn(directory, '.seg');
    const before = readFileSync(segment);
    const { code, stderr } = await spool('export', directory, '--output', segment);
    expect(stderr).toMatch(/^otel-spillway: .*EEXIST.*\n$/);
    expect(code).toBe(73);
    expect(readFileSync(segment)).toEqual(before);
  });

  test('`export` leaves out damaged records, and says so', async () => {
    const directory = await abandonedSpool();
    flipByte(filesIn(directory, '.seg')[0] as string, -1);
    const end = await spool('export', directory);
    expect(recordsOf(jsonLinesOf<Exported>(end)).map(bodyOf)).toEqual(numbers(0, 20));
    expect(end.stderr).toMatch(
      /^otel-spillway: partition-\w+\/00000001\.seg: damaged: the checksum of batch 2 /,
    );
    expect(end.code).toBe(2);
  });
});

describe('all of them', () => {
  test('all commands that read change no file, no name and no time', { timeout: 20_000 }, async () => {
    const killed = await killedProcess({ records: 20 });
    await abandonedSpool({ records: 10, from: 20, beside: killed });
    const [path = ''] = filesIn(killed.directory, '.seg');
    appendFileSync(path, 'SPFR and no more');
    const before = stateOf(killed.directory);
    const ends = await Promise.all(
      ['list', 'show', 'verify', 'export'].map((command) => spool(command, killed.directory)),
    );
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(stateOf(killed.directory)).toEqual(before);
    expect(existsSync(join(killed.directory, 'quarantine'))).toBe(false);
  });
});
