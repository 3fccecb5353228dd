/** What the command line prints of texts and files that are not its own: nothing that a terminal obeys or hides. */

import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { exportCommand } from '../../src/cli/commands/export.ts';
import { listCommand } from '../../src/cli/commands/list.ts';
import { showCommand } from '../../src/cli/commands/show.ts';
import { verifyCommand } from '../../src/cli/commands/verify.ts';
import { causeOf, type SpillwayError } from '../../src/common/errors.ts';
import { visible, visibleJson } from '../../src/common/visible-text.ts';
import { SpillwayLogRecordProcessor } from '../../src/index.ts';
import { cli, jsonLinesOf, runHere } from '../support/cli-run.ts';
import { abandonedSpool, filesIn } from '../support/left-spool.ts';
import { temporaryDirectory } from '../support/spooled-harness.ts';

/** Escape sequence, its C1 form, right-to-left override and isolate, joiner, tag, line separator, filler, NEL, DEL. */
const STEERING = 'a\u001b[2J\u009b2J\u202e\u2066\u200b\u{e0041}\u2028\u3164\u0085\u007f\u00adz';
/** Letters with marks, scripts from right to left, an emoji with its selector. */
const HARMLESS = 'naïve עברית العربية 日本 ❤\ufe0f';

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\p{Cf}\u2028\u2029\u3164]/u;

test('texts are shown with their controls and invisible characters escaped, and all others as they are', () => {
  expect(visible(STEERING)).toBe(
    'a\\u001b[2J\\u009b2J\\u202e\\u2066\\u200b\\udb40\\udc41\\u2028\\u3164\\u0085\\u007f\\u00adz',
  );
  expect(visible(HARMLESS)).toBe(HARMLESS);
  expect(visible('\ud800\r\n')).toBe('\\ud800\\u000d\\u000a');
});

test('JSON is escaped so that it is the same when it is parsed', () => {
  const value = { [STEERING]: [STEERING, HARMLESS, '\ud800\n'] };
  expect(visibleJson(value)).not.toMatch(OBEYED);
  expect(JSON.parse(visibleJson(value, 2))).toEqual(value);
  expect(visibleJson([HARMLESS])).toBe(JSON.stringify([HARMLESS]));
});

test('records and leases that would control the terminal do not, in any command', async () => {
  const fields = { body: STEERING, attributes: { [STEERING]: STEERING }, severityText: STEERING };
  const directory = await abandonedSpool({ records: 1, fields });
  const lease = { format: 1, token: 'x', leaseMillis: 1, pid: STEERING, host: STEERING, since: STEERING };
  const partition = dirname(filesIn(directory, '.seg')[0] as string);
  writeFileSync(join(partition, 'lease'), visibleJson(lease).padEnd(1_023).concat('\n'));
  const ends = {
    list: await runHere(listCommand, directory),
    json: await runHere(listCommand, directory, '--json'),
    show: await runHere(showCommand, directory),
    export: await runHere(exportCommand, directory),
    verify: await runHere(verifyCommand, directory),
  };
  for (const [name, { code, stdout }] of Object.entries(ends)) {
    expect(stdout, name).not.toMatch(OBEYED);
    expect(code, name).toBe(0);
  }
  expect(jsonLinesOf<{ body: unknown }>(ends.show)[0]?.body).toEqual({ stringValue: STEERING });
  expect(JSON.parse(ends.json.stdout).partitions[0].owner.host).toBe(STEERING);
  const [exported] = jsonLinesOf<{ resourceLogs: { scopeLogs: { logRecords: { body: unknown }[] }[] }[] }>(
    ends.export,
  );
  expect(exported?.resourceLogs[0]?.scopeLogs[0]?.logRecords[0]?.body).toEqual({ stringValue: STEERING });
});

test('arguments that would control the terminal do not when they are quoted', async () => {
  const ends = await Promise.all([
    cli('spool', STEERING),
    cli('spool', 'list', join(temporaryDirectory(), STEERING)),
    cli('spool', 'show', '.', '--limit', STEERING),
  ]);
  for (const { stderr } of ends) {
    expect(stderr).toContain('\\u001b[2J\\u009b2J\\u202e');
    expect(stderr).not.toMatch(OBEYED);
  }
});

test('what a server says and what an option is set to is one line without controls, wherever it is quoted', () => {
  expect(causeOf(new Error(STEERING))).not.toMatch(OBEYED);
  expect(() => new SpillwayLogRecordProcessor({ overflow: STEERING as 'drop-oldest' })).toThrow(
    expect.objectContaining({ message: expect.not.stringMatching(OBEYED) }) as SpillwayError,
  );
});

test.skipIf(process.platform === 'win32')(
  'pipes, links, and files of a GiB in a spool keep no command from the records beside them',
  async () => {
    const directory = await abandonedSpool();
    const partition = dirname(filesIn(directory, '.seg')[0] as string);
    const elsewhere = await abandonedSpool();
    symlinkSync(
      dirname(filesIn(elsewhere, '.seg')[0] as string),
      join(directory, 'partition-0123456789abcdef'),
    );
    symlinkSync(filesIn(elsewhere, '.seg')[0] as string, join(partition, '00000002.seg'));
    execFileSync(
      'mkfifo',
      ['lease', '00000001.ack', '00000003.seg'].map((name) => join(partition, name)),
    );
    writeFileSync(join(partition, '00000004.seg'), '');
    truncateSync(join(partition, '00000004.seg'), 2 ** 30);
    const list = await runHere(listCommand, directory, '--json');
    expect(JSON.parse(list.stdout)).toMatchObject({ partitions: [{ records: 30 }], total: { records: 30 } });
    expect((await runHere(showCommand, directory)).stdout.split('\n')).toHaveLength(31);
    const { code, stdout } = await runHere(verifyCommand, directory);
    expect(stdout).toMatch(/unreadable {2}partition-\w+\/00000002\.seg: E(LOOP|MLINK)/);
    expect(stdout).toMatch(/unreadable {2}partition-\w+\/00000003\.seg: EFTYPE: not a regular file/);
    expect(stdout).toMatch(/damage {6}partition-\w+\/00000004\.seg: [\d,]+ bytes are no batch/);
    expect(code).toBe(2);
    rmSync(join(partition, '00000001.ack'));
    writeFileSync(join(partition, '00000001.ack'), '');
    truncateSync(join(partition, '00000001.ack'), 2 ** 30);
    expect((await runHere(verifyCommand, directory)).stdout).toMatch(
      /00000001\.ack: it is too large to hold acknowledgements of its segment/,
    );
    expect(readFileSync(filesIn(elsewhere, '.seg')[0] as string).length).toBeGreaterThan(0);
  },
);
