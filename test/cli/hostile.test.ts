/** The command line with arguments and directories as they should not be: one line, no stack, and an exit code that tells. */

import { chmodSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { exportCommand } from '../../src/cli/commands/export.ts';
import { listCommand } from '../../src/cli/commands/list.ts';
import { replayCommand } from '../../src/cli/commands/replay.ts';
import { showCommand } from '../../src/cli/commands/show.ts';
import { verifyCommand } from '../../src/cli/commands/verify.ts';
import { VERSION } from '../../src/common/package.ts';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from '../../src/index.ts';
import { CliRun, cli, jsonLinesOf, runHere, spool } from '../support/cli-run.ts';
import { abandonedSpool, filesIn } from '../support/left-spool.ts';
import { record } from '../support/records.ts';
import { temporaryDirectory } from '../support/spooled-harness.ts';
import { until } from '../support/until.ts';

/** Several processes, on a machine that may have other things to do. */
const SLOW = { timeout: 20_000 };

const isRoot = process.getuid?.() === 0;

/** What a command that runs in this process fails with. */
async function problemOf(run: Promise<unknown>): Promise<{ exitCode: number; message: string }> {
  return await run.then(
    () => expect.fail('it did not fail'),
    (error) => error,
  );
}

describe('wrong usage is answered with the right one', () => {
  test.each([
    ['no command', [], 'the command is missing', 'Usage: otel-spillway spool <command>'],
    [
      'an unknown command',
      ['spool', 'lst', '.'],
      "there is no command 'spool lst'",
      'Usage: otel-spillway spool <',
    ],
    [
      'an unknown option',
      ['spool', 'list', '.', '--jsn'],
      "unknown option '--jsn'",
      'Usage: otel-spillway spool list',
    ],
  ])('%s is wrong usage, and is answered with the right one', async (_, args, message, usage) => {
    const { code, stdout, stderr } = await cli(...args);
    expect(stdout).toBe('');
    expect(stderr).toContain(`otel-spillway: ${message}\n\n${usage}`);
    expect(code).toBe(64);
  });

  test.each([
    ['no directory', showCommand, [], 'the directory is missing'],
    ['an empty directory', verifyCommand, [''], 'the directory is empty'],
    ['a directory with a NUL', listCommand, ['a\0b'], 'a path has no NUL'],
    ['two directories', listCommand, ['a', 'b'], "one directory at a time; 'b' is one too many"],
    [
      'an option without its value',
      showCommand,
      ['.', '--limit'],
      "option '--limit <value>' argument missing",
    ],
    [
      'no number',
      showCommand,
      ['.', '--limit', 'x'],
      "--limit is a number from 0 to 9007199254740991, not 'x'",
    ],
    ['an empty number', replayCommand, ['.', '--share='], "--share is a number from 0.01 to 0.9, not ''"],
    [
      'a number out of range',
      replayCommand,
      ['.', '--timeout', '0'],
      "--timeout is a number from 1 to 86400, not '0'",
    ],
    [
      'no severity',
      showCommand,
      ['.', '--severity', '25'],
      "--severity is one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or a number from 1 to 24, not '25'",
    ],
    ['no output', exportCommand, ['.', '--output='], 'the name of the output is empty'],
    ['no URL', replayCommand, ['.', '--endpoint', 'localhost:4318'], '--endpoint is an http: or https: URL'],
    [
      'no header, which may be a secret',
      replayCommand,
      ['.', '--header', 'secret'],
      '--header is NAME=VALUE',
    ],
  ])(
    '%s is wrong usage of a command, and is answered with the right one',
    async (_, command, args, message) => {
      expect(await problemOf(runHere(command, ...args))).toMatchObject({ exitCode: 64, message });
    },
  );
});

test('help and version are printed where they can be piped', async () => {
  const [version, help, listHelp] = await Promise.all([
    cli('--version'),
    cli('--help'),
    cli('spool', 'list', '--help'),
  ]);
  expect(version).toEqual({ code: 0, signal: null, stdout: `${VERSION}\n`, stderr: '' });
  expect(help).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('Exit codes:') });
  expect(listHelp).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('--json') });
});

describe('what is no spool is said to be none, and not made one', () => {
  test.each([
    ['that does not exist', () => join(temporaryDirectory(), 'nothing'), 'ENOENT'],
    [
      'that is a file',
      (path = join(temporaryDirectory(), 'file')) => {
        writeFileSync(path, '');
        return path;
      },
      'ENOTDIR',
    ],
    [
      'that is a link to itself',
      (path = join(temporaryDirectory(), 'loop')) => {
        symlinkSync(path, path);
        return path;
      },
      'ELOOP',
    ],
    ['with other things in it', () => join(import.meta.dirname, '..', '..', 'src'), 'this is no spool'],
    ['with a name that is too long', () => `/tmp/${'x'.repeat(5_000)}`, 'ENAMETOOLONG'],
  ])('a directory %s is called no spool, and is not made one', async (_, make, reason) => {
    const directory = make();
    for (const command of [listCommand, showCommand, verifyCommand, replayCommand, exportCommand]) {
      const { exitCode, message } = await problemOf(runHere(command, directory));
      expect(message).toContain(reason);
      expect(exitCode).toBe(66);
    }
  });

  test('a path that is no spool is refused in one line, without a stack', async () => {
    const { code, stdout, stderr } = await spool('replay', join(temporaryDirectory(), 'nothing'));
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^otel-spillway: [^\n]*nothing: ENOENT: no such file or directory\n$/);
    expect(code).toBe(66);
  });

  test('a partition, for which the directory above is asked', async () => {
    const [segment = ''] = filesIn(await abandonedSpool(), '.seg');
    const { exitCode, message } = await problemOf(runHere(listCommand, join(segment, '..')));
    expect(message).toContain('name the directory above it');
    expect(exitCode).toBe(66);
  });
});

test.skipIf(isRoot)('what may not be read is said to be so', async () => {
  const directory = await abandonedSpool();
  chmodSync(directory, 0);
  onTestFinished(() => chmodSync(directory, 0o700));
  const { exitCode, message } = await problemOf(runHere(listCommand, directory));
  expect(message).toContain('EACCES');
  expect(exitCode).toBe(77);
});

describe('in a partition there may be anything', () => {
  test('a large file of zeros, a directory, a link to itself: the records beside it are found', async () => {
    const directory = await abandonedSpool();
    const partition = join(filesIn(directory, '.seg')[0] as string, '..');
    writeFileSync(join(partition, '00000002.seg'), '');
    truncateSync(join(partition, '00000002.seg'), 2 ** 26);
    mkdirSync(join(partition, '00000003.seg'));
    symlinkSync('00000004.seg', join(partition, '00000004.seg'));
    symlinkSync('/dev/zero', join(partition, '00000005.seg'));
    writeFileSync(join(directory, 'partition-0123456789abcdef'), 'a file');
    const { code, stdout, stderr } = await spool('list', directory, '--json');
    expect(JSON.parse(stdout).total.records).toBe(30);
    expect(stderr).toMatch(/00000003\.seg: EISDIR/);
    expect(stderr).toMatch(/00000004\.seg: ELOOP/);
    expect(code).toBe(77);
  });

  test('a lease that would control the terminal: it does not', async () => {
    const directory = await abandonedSpool();
    const partition = join(filesIn(directory, '.seg')[0] as string, '..');
    const lease = { format: 1, token: 'x', leaseMillis: 1, pid: {}, host: '\u001b[2J\u009b', since: '\r\n' };
    writeFileSync(join(partition, 'lease'), JSON.stringify(lease).padEnd(255).concat('\n'));
    const { code, stdout } = await runHere(listCommand, directory);
    expect(stdout).toMatch(/^partition-\w+ {2}held by pid \[object Object\] on \\u001b\[2J/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(code).toBe(0);
  });

  test('records of a newer version: they are left alone', async () => {
    const directory = await abandonedSpool();
    const [path = ''] = filesIn(directory, '.seg');
    const bytes = readFileSync(path);
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12);
    writeFileSync(path, bytes);
    const ends = await Promise.all(['verify', 'replay'].map((command) => spool(command, directory)));
    for (const { code, stdout, stderr } of ends) {
      expect(stdout + stderr).toContain('newer version');
      expect(code).toBe(77);
    }
    expect(readFileSync(path)).toEqual(bytes);
  });
});

test('a reader that has seen enough of the output gets no error', async () => {
  const directory = await abandonedSpool({ records: 5_000 });
  const run = new CliRun(['spool', 'show', directory]);
  await run.stopReading();
  expect(await run.end).toMatchObject({ code: 0, signal: null, stderr: '' });
});

test('a spool is read without damage while a process writes to it all the time', SLOW, async () => {
  const directory = join(temporaryDirectory(), 'spool');
  const writer = new SpillwayLogRecordProcessor({
    exporter: new SpillwayOtlpLogExporter({ url: 'http://127.0.0.1:1/v1/logs' }),
    spool: { directory, mode: 'always', maxBytes: 2 ** 20 * 8 },
    scheduledDelayMillis: 0,
    maxExportBatchSize: 20,
    memoryLimit: false,
  });
  let number = 0;
  const writing = setInterval(() => {
    for (let count = 0; count < 20; count++) writer.onEmit(record({ body: number++ }));
  }, 5);
  onTestFinished(() => clearInterval(writing));
  onTestFinished(() => writer.shutdown({ strategy: 'immediate' }));
  await until(() => writer.stats().spooled.bytes > 50_000, 'something on disk');
  const [list, show, verify, exported] = await Promise.all(
    ['list', 'show', 'verify', 'export'].map((command) => spool(command, directory)),
  );
  expect([list, show, verify, exported].map((end) => end?.code)).toEqual([0, 0, 0, 0]);
  expect(list?.stdout).toMatch(/ {2}held by pid /);
  expect(verify?.stdout).toMatch(/: no damage\n$/);
  const bodies = jsonLinesOf<{ body: { intValue: string } }>(show as NonNullable<typeof show>);
  expect(new Set(bodies.map(({ body }) => body.intValue)).size).toBe(bodies.length);
  expect(bodies.length).toBeGreaterThan(100);
  const { dropped } = writer.stats();
  expect(dropped.spool_corrupt).toBe(0);
});
