/** The estimate of a record's bytes against the heap of a real process. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

interface Measured {
  readonly shape: string;
  readonly records: number;
  readonly estimatedBytes: number;
  readonly grownBytes: number;
}

const child = fileURLToPath(new URL('../children/heap-growth.ts', import.meta.url));
const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', child], { timeout: 60_000 });
const shapes = stdout
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Measured);

/*
 * The bound that is documented. It is wide because the estimate is made in constant time per value, without
 * asking whether a string is flat, whether its characters take one byte or two, or who else holds it.
 */
const LOWEST = 0.5;
const HIGHEST = 2;

const shared = shapes.filter(({ shape }) => shape !== 'names of its own');

test.each(shared)(
  `the estimate for records of the shape "$shape" is ${LOWEST} to ${HIGHEST} times the growth of the heap`,
  ({ records, estimatedBytes, grownBytes }) => {
    expect(records).toBeGreaterThanOrEqual(200);
    const ratio = estimatedBytes / grownBytes;
    expect(ratio).toBeGreaterThan(LOWEST);
    expect(ratio).toBeLessThan(HIGHEST);
  },
);

test('the estimate takes attribute names as shared, so that unique ones cost up to four times as much', () => {
  const own = shapes.find(({ shape }) => shape === 'names of its own');
  expect((own?.estimatedBytes ?? 0) / (own?.grownBytes ?? 0)).toBeGreaterThan(0.25);
});

test('all shapes of records were measured', () => {
  expect(shapes.length).toBeGreaterThanOrEqual(18);
});

test('a string that was cut does not keep the whole of it alive', () => {
  const cut = shapes.find(({ shape }) => shape === 'cut from 1 MB');
  // 200 records of 1 MB each, of which at most 64 KiB may stay.
  expect(cut?.grownBytes).toBeLessThan(200 * 64 * 1024 * 1.5);
});
