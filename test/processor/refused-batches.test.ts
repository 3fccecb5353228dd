/** Batches the destination refuses: what is at fault is found at a bounded price, and costs only itself. */

import { describe, expect, test } from 'vitest';
import { Harness, upTo } from '../support/harness.ts';
import { httpError } from '../support/scripted-exporter.ts';

type Records = Parameters<NonNullable<Harness['exporter']['decide']>>[0];

const has = (records: Records, ...bad: number[]) => records.some(({ body }) => bad.includes(body as never));
/** The destination takes a batch: a refusal after that is not about the address. */
async function accepts(h: Harness, records: number): Promise<void> {
  h.emit(records);
  await h.settle();
}

const sorted = (h: Harness) => h.exporter.delivered.toSorted((a, b) => (a as number) - (b as number));
const without = (count: number, ...bad: number[]) => upTo(count).filter((id) => !bad.includes(id));

describe('400', () => {
  test.each([512, 767, 1023])(
    'one bad record of 512, number %i, is found with 18 extra requests',
    async (bad) => {
      const h = new Harness();
      await accepts(h, 512);
      h.exporter.decide = (records) => (has(records, bad) ? { fail: httpError(400) } : undefined);
      h.emit(512);
      await h.advance(60_000);
      expect(sorted(h)).toEqual(without(1024, bad));
      expect(h.stats.dropped.rejected).toBe(1);
      expect(h.exporter.calls).toHaveLength(1 + 19);
      expect(h.stats.breaker.state).toBe('closed');
      await h.end();
    },
  );

  test('a 400 for an oversized body halves the batch until it is small enough', async () => {
    const h = new Harness();
    h.exporter.decide = (records) => (records.length > 100 ? { fail: httpError(400) } : undefined);
    h.emit(512);
    await h.advance(60_000);
    expect(h.exporter.delivered).toEqual(upTo(512));
    await h.end();
  });

  test('a 400 for many bad records costs only those: as long as others are accepted, the search goes on', async () => {
    const h = new Harness();
    const bad = [3, 130, 260, 400];
    h.exporter.decide = (records) => (has(records, ...bad) ? { fail: httpError(400) } : undefined);
    h.emit(512);
    await h.advance(60_000);
    expect(sorted(h)).toEqual(without(512, ...bad));
    expect(h.exporter.calls.length).toBeLessThanOrEqual(2 + 2 * 9 * bad.length);
    expect(h.stats.dropped.rejected).toBe(bad.length);
    await h.end();
  });

  test('a 400 for everything where nothing was ever accepted is more likely a wrong address: nothing is dropped', async () => {
    const h = new Harness({ maxExportBatchSize: 64 }, { fail: httpError(400) });
    h.emit(64 * 20);
    await h.advance(600_000);
    expect(h.stats).toMatchObject({ queued: { records: 64 * 20 }, breaker: { state: 'open' } });
    h.exporter.script = ['succeed'];
    await h.advance(60_000);
    expect(sorted(h)).toEqual(upTo(64 * 20));
    await h.end();
  });

  test('a 400 for one bad batch at the very beginning does not block those behind it', async () => {
    const h = new Harness({ maxExportBatchSize: 64 });
    h.exporter.decide = (records) => (has(records, ...upTo(64)) ? { fail: httpError(400) } : undefined);
    h.emit(64 * 20);
    await h.advance(60_000);
    expect(sorted(h)).toEqual(upTo(64 * 20).slice(64));
    expect(h.stats.dropped.rejected).toBe(64);
    await h.end();
  });

  test('a 400 for everything costs less and less', async () => {
    const h = new Harness({ maxExportBatchSize: 64 });
    await accepts(h, 64);
    h.exporter.script = [{ fail: httpError(400) }];
    h.emit(64 * 20);
    await h.advance(60_000);
    expect(h.stats.dropped.rejected).toBe(64 * 20);
    expect(h.exporter.calls.length).toBeLessThan(20 * 6);
    await h.end();
  });
});

describe('413', () => {
  test('a 413 halves down to the one record that nobody takes, which is dropped as record_too_large', async () => {
    const h = new Harness({ maxExportBatchSize: 64 });
    h.exporter.decide = (records) => (has(records, 17) ? { fail: httpError(413) } : undefined);
    h.emit(64);
    await h.advance(60_000);
    expect(sorted(h)).toEqual(without(64, 17));
    expect(h.stats.dropped).toMatchObject({ record_too_large: 1, rejected: 0 });
    await h.end();
  });

  test('a 413 by a limit below one batch loses nothing', async () => {
    const h = new Harness({ maxExportBatchSize: 64 });
    h.exporter.decide = (records) => (records.length > 5 ? { fail: httpError(413) } : undefined);
    h.emit(320);
    await h.advance(60_000);
    expect(h.exporter.delivered).toEqual(upTo(320));
    expect(h.stats.breaker.state).toBe('closed');
    await h.end();
  });
});

describe('an exporter that throws', () => {
  const rejecting = (h: Harness, bad: number) => {
    const { exporter } = h;
    const original = exporter.export.bind(exporter);
    exporter.export = (records, callback) =>
      has(records, bad)
        ? (Promise.reject(new Error('cannot serialise')) as never)
        : original(records, callback);
  };

  test.each(['throws', 'rejects'])(
    'an exporter that throws on one record (%s) loses that one as unserializable',
    async (how) => {
      const h = new Harness({ maxExportBatchSize: 64 });
      if (how === 'rejects') rejecting(h, 40);
      else
        h.exporter.decide = (records) =>
          has(records, 40) ? { throw: new Error('cannot serialise') } : undefined;
      h.emit(64);
      await h.advance(60_000);
      expect(sorted(h)).toEqual(without(64, 40));
      expect(h.stats).toMatchObject({
        dropped: { unserializable: 1 },
        exports: { lastError: 'cannot serialise' },
      });
      await h.end();
    },
  );

  test('an exporter that throws on everything opens the breaker instead of losing everything', async () => {
    const h = new Harness({ maxExportBatchSize: 8 }, { throw: new Error('broken') });
    h.emit(64);
    await h.advance(20_000);
    expect(h.stats.breaker.state).toBe('open');
    expect(h.stats.dropped.unserializable).toBeLessThan(16);
    expect(h.stats.queued.records).toBeGreaterThan(48);
    await h.end();
  });

  test('an exporter that throws after it has called back has delivered', async () => {
    const h = new Harness();
    const { exporter } = h;
    exporter.export = (records, callback) => {
      exporter.delivered.push(...records.map(({ body }) => body));
      callback({ code: 0 });
      throw new Error('too late to matter');
    };
    h.emit(3);
    await h.advance(10_000);
    expect(exporter.delivered).toEqual(upTo(3));
    expect(h.stats).toMatchObject({ exported: 3, exports: { attempts: 1, failures: 0 } });
    await h.end();
  });
});

describe('a poison batch', () => {
  test.each([
    ['500, which may be about it', httpError(500), { rejected: 1 }],
    ['401, which may be about us', httpError(401), { rejected: 1 }],
  ])('a poison batch that always gets %s costs only its bad record', async (_name, error, dropped) => {
    const h = new Harness({ maxExportBatchSize: 4, scheduledDelayMillis: 100 });
    h.exporter.decide = (records) => (has(records, 1) ? { fail: error } : undefined);
    h.emit(4);
    for (let round = 0; round < 60; round++) {
      h.emit(4);
      await h.advance(2_000);
    }
    expect(h.stats.dropped).toMatchObject(dropped);
    expect(sorted(h)).toEqual(without(4 * 61, 1));
    await h.end();
  });

  test('a poison batch that always fails in a way that may pass does not block the queue, and is not given up', async () => {
    const h = new Harness({ maxExportBatchSize: 4 });
    h.exporter.decide = (records) => (has(records, 1) ? { fail: httpError(503) } : undefined);
    h.emit(4 * 50);
    await h.advance(10_000);
    expect(h.exporter.delivered.length).toBe(4 * 49);
    expect(h.stats.queued.records).toBe(4);
    h.exporter.decide = undefined;
    await h.advance(60_000);
    expect(sorted(h)).toEqual(upTo(4 * 50));
    await h.end();
  });

  test('a poison batch does not open the breaker while others get through', async () => {
    const h = new Harness({ maxExportBatchSize: 4 });
    h.exporter.decide = (records) => (has(records, 1) ? { fail: httpError(503) } : undefined);
    for (let round = 0; round < 300; round++) {
      h.emit(4);
      await h.advance(1_000);
      if (round > 30) expect(h.stats).toMatchObject({ queued: { records: 4 }, breaker: { state: 'closed' } });
    }
    await h.end();
  });

  test('a poison batch alone in the queue may open the breaker, but the first probe is of what comes after it', async () => {
    const h = new Harness({ maxExportBatchSize: 4 });
    h.exporter.decide = (records) => (has(records, 1) ? { fail: httpError(503) } : undefined);
    h.emit(4);
    for (let second = 0; second < 60 && h.stats.breaker.state !== 'open'; second++) await h.advance(1_000);
    h.emit(4);
    await h.advance(h.stats.breaker.nextProbeMillis ?? 0);
    expect(h.exporter.delivered).toEqual([4, 5, 6, 7]);
    expect(h.stats.breaker.state).toBe('closed');
    await h.end();
  });

  test('a poison batch does not keep a refusal of everything from being retried: nothing is dropped meanwhile', async () => {
    const h = new Harness({ maxExportBatchSize: 4 }, { fail: httpError(401) });
    h.emit(40);
    await h.advance(600_000);
    expect(h.stats).toMatchObject({ queued: { records: 40 }, breaker: { state: 'open' } });
    h.exporter.script = ['succeed'];
    await h.advance(300_000);
    expect(sorted(h)).toEqual(upTo(40));
    await h.end();
  });
});

test('one bad record in the first and only batch does not make the address suspect for ever: the others arrive', async () => {
  const h = new Harness();
  h.exporter.decide = (records) => (has(records, 7) ? { fail: httpError(400) } : undefined);
  h.emit(16);
  await h.advance(60_000);
  expect(sorted(h)).toEqual(without(16, 7));
  expect(h.stats.dropped.rejected).toBe(1);
  await h.end();
});
