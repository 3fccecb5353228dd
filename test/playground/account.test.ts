/** What the playground says is counted from outside: the numbers of records as they arrive. */
import { expect, test } from 'vitest';
import { Fates } from '../../playground/server/fates.ts';

test('every record of the playground is in one place, and what is held are the youngest', () => {
  const fates = new Fates();
  fates.log(0, 100);
  fates.drop([90, 91]);
  fates.arrive([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 95]);
  fates.arrive([0]);
  expect(fates).toMatchObject({ logged: 100, delivered: 11, twice: 1 });
  expect(fates.places([0, 50, 90], { waiting: 9, onDisk: 30 })).toEqual([
    { delivered: 10, waiting: 0, onDisk: 0, lost: 40 },
    { delivered: 0, waiting: 2, onDisk: 30, lost: 8 },
    { delivered: 1, waiting: 7, onDisk: 0, lost: 2 },
  ]);
});

test('a record that arrives was logged, although its process was killed before it said so', () => {
  const fates = new Fates();
  fates.log(0, 10);
  fates.arrive([14]);
  fates.log(20, 5);
  expect(fates.logged).toBe(16);
  expect(fates.places([0], { waiting: 0, onDisk: 0 })).toEqual([
    { delivered: 1, waiting: 0, onDisk: 0, lost: 15 },
  ]);
});
