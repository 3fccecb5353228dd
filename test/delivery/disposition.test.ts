/** What an outcome does to a batch of a given size and history. */

import { describe, expect, test } from 'vitest';
import { disposeOf } from '../../src/delivery/disposition.ts';
import { refusalsWorth } from '../../src/delivery/search.ts';
import { destinationHealthOf, type Outcome } from '../../src/delivery/sender.ts';
import { type DeliveryHistory, UNTRIED } from '../../src/queue/delivery-history.ts';
import { QueuedBatch } from '../../src/queue/queued-batch.ts';
import { RecordBatch } from '../../src/records/record-batch.ts';
import { record } from '../support/records.ts';

const RETRY = { initialDelayMillis: 1_000, maxDelayMillis: 30_000, maxElapsedMillis: 60_000 };
const error = new Error('refused');

function batchOf(records: number, history: Partial<DeliveryHistory>, openedAt: number) {
  const contents = new RecordBatch(1 << 20);
  for (let index = 0; index < records; index++) contents.add(record());
  const batch = new QueuedBatch(contents, 1, openedAt, false);
  batch.history = { ...UNTRIED, ...history };
  return batch;
}

function dispose(
  outcome: Outcome,
  records: number,
  history: Partial<DeliveryHistory> = {},
  now = 0,
  failingSince: number | undefined = undefined,
  openedAt = 0,
) {
  return disposeOf(outcome, batchOf(records, history, openedAt), now, failingSince, RETRY);
}

describe('disposition', () => {
  test.each([
    [0, 0],
    [3, 3],
    [10, 10],
    [11, 10],
    [1e12, 10],
    [-1, 0],
    [1.9, 1],
    [Number.NaN, 0],
    [Number.POSITIVE_INFINITY, 10],
    [undefined, 0],
  ])('a delivery with %s of 10 rejected by the server counts %s as rejected', (claimed, counted) => {
    const outcome = { kind: 'delivered', rejectedRecords: claimed as number } as const;
    expect(dispose(outcome, 10)).toEqual({ action: 'done', rejectedRecords: counted });
  });

  test('a rejected batch is dropped immediately, whatever its size', () => {
    for (const records of [1, 10]) {
      expect(dispose({ kind: 'rejected', error }, records)).toEqual({ action: 'drop', reason: 'rejected' });
    }
  });

  test.each([
    ['too_large', 'record_too_large'],
    ['unserializable', 'unserializable'],
    ['malformed', 'rejected'],
  ] as const)(
    'a batch that is %s is halved down to the one record, which is dropped as %s',
    (kind, reason) => {
      expect(dispose({ kind, error }, 2)).toEqual({ action: 'halve' });
      expect(dispose({ kind, error }, 1)).toEqual({ action: 'drop', reason });
    },
  );

  const searched = (refusals: number, maxRefusals = Number.POSITIVE_INFINITY) => ({
    search: { isUnderWay: false, maxRefusals, refusals, wasFruitful: false, suspect: undefined },
  });

  test('a malformed batch is halved until its refusals in a row reach the budget of its size or of all searches', () => {
    const outcome = { kind: 'malformed', error } as const;
    const rejected = { action: 'drop', reason: 'rejected' };
    expect(dispose(outcome, 8, searched(14))).toEqual({ action: 'halve' });
    expect(dispose(outcome, 8, searched(15))).toEqual(rejected);
    expect(dispose(outcome, 8, searched(4, 5))).toEqual({ action: 'halve' });
    expect(dispose(outcome, 8, searched(5, 5))).toEqual(rejected);
  });

  test.each([
    [2, 11],
    [8, 15],
    [512, 27],
    [513, 29],
    [4_096, 33],
  ])('a part of %d records is halved after fewer than %d refusals in a row', (records, refusals) => {
    expect(refusalsWorth(records)).toBe(refusals);
  });

  test('an ambiguous batch is retried until others got through three times, and then bisected like a malformed one', () => {
    const outcome = { kind: 'ambiguous', error } as const;
    expect(dispose(outcome, 8, { failures: 99, failuresWhileOthersPassed: 2 })).toEqual({ action: 'retry' });
    const suspect = { failuresWhileOthersPassed: 3 };
    const rejected = { action: 'drop', reason: 'rejected' };
    expect(dispose(outcome, 8, suspect)).toEqual({ action: 'halve' });
    expect(dispose(outcome, 1, suspect)).toEqual(rejected);
    expect(dispose(outcome, 8, { ...suspect, ...searched(15) })).toEqual(rejected);
  });

  test('a retryable batch is retried whatever others do, until its time is over', () => {
    const outcome = { kind: 'retryable', error } as const;
    const history = { failuresWhileOthersPassed: 99, firstFailedAt: 0 };
    expect(dispose(outcome, 8, history, 59_999)).toEqual({ action: 'retry' });
    expect(dispose(outcome, 8, history, 60_000)).toEqual({ action: 'drop', reason: 'retry_exhausted' });
    expect(dispose({ kind: 'ambiguous', error }, 8, { firstFailedAt: 0 }, 60_000)).toEqual({
      action: 'drop',
      reason: 'retry_exhausted',
    });
  });

  test('the time of a batch counts from the beginning of an outage, or from the admission if that came later', () => {
    const outcome = { kind: 'retryable', error } as const;
    const dropped = { action: 'drop', reason: 'retry_exhausted' };
    expect(dispose(outcome, 8, { firstFailedAt: 50_000 }, 60_000, 0)).toEqual(dropped);
    expect(dispose(outcome, 8, {}, 60_000, 0, 1)).toEqual({ action: 'retry' });
    expect(dispose(outcome, 8, {}, 60_001, 0, 1)).toEqual(dropped);
  });
});

test('the breaker counts only what speaks of the health of the destination', () => {
  const health = (kind: Outcome['kind'], records = 8) =>
    destinationHealthOf({ kind, error, rejectedRecords: 0 } as Outcome, records);
  expect((['delivered', 'malformed', 'too_large', 'rejected'] as const).map((kind) => health(kind))).toEqual(
    Array(4).fill('healthy'),
  );
  expect((['retryable', 'ambiguous'] as const).map((kind) => health(kind))).toEqual([
    'unhealthy',
    'unhealthy',
  ]);
  expect([health('unserializable'), health('unserializable', 1)]).toEqual(['unknown', 'unhealthy']);
});
