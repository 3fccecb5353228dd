/** The page of claims has every one of them, and says of the two processors what the front page says. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { claims } from '../../conformance/claims.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/claims.md'), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| |\|$/g, '').trim()));

test('every claim has its row on the page, in the order in which claims are listed', () => {
  expect(rows.map(([claim]) => claim)).toEqual(claims.map(({ says }) => says));
  expect(new Set(rows.map(([claim]) => claim)).size).toBe(rows.length);
});

test('all claims on the page hold with ours, and eight at least are broken with the stock processor', () => {
  expect(rows.filter(([, stock]) => stock === '**broken**').length).toBeGreaterThanOrEqual(8);
  expect(rows.filter(([, , , ours]) => ours !== 'holds')).toEqual([]);
});
