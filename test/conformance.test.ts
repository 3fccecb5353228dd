/** The page of conformance: each claim in it is shown by a test that exists. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const PAGE = readFileSync(join(import.meta.dirname, '../docs/conformance.md'), 'utf8');

/** A file below `test/` without its extension, and the name of a test. */
const QUOTED = /`([\w/-]+)` “([^”]+)”/g;

/** As it is written in a source file, with whatever quotes around it. */
function isIn(text: string, name: string): boolean {
  return [name, name.replaceAll("'", "\\'"), name.replaceAll('"', '\\"')].some((one) => text.includes(one));
}

test('the page of conformance quotes tests that exist, each by its file and name', () => {
  const quoted = [...PAGE.matchAll(QUOTED)];
  const missing = quoted.flatMap(([, file = '', name = '']) => {
    const path = join(import.meta.dirname, `${file}.test.ts`);
    if (!existsSync(path)) return [`there is no test/${file}.test.ts`];
    return isIn(readFileSync(path, 'utf8'), name) ? [] : [`test/${file}.test.ts has no test '${name}'`];
  });
  expect(missing).toEqual([]);
  expect(quoted.length).toBeGreaterThan(100);
});

test('the page of conformance shows a test for what is met, and a reason for what is departed from', () => {
  const rows = PAGE.split('\n')
    .filter((line) => /^\| (MUST|SHOULD|) *\| /.test(line) && !line.includes('| requirement'))
    .map((line) => line.split(' | ').map((cell) => cell.replaceAll('|', '').trim()));
  const wanting = rows.filter(([, , status = '', why = '', tests = '']) => {
    if (status === 'met') return tests === '';
    return !['in part', 'departed', 'not ours'].includes(status) || why === '';
  });
  expect(wanting).toEqual([]);
  expect(rows.length).toBeGreaterThan(70);
});
