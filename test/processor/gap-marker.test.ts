/** The gap marker as the log store sees it: one record in-band, after records were lost on their way there. */

import { describe, expect, test } from 'vitest';
import { Harness } from '../support/harness.ts';
import { record } from '../support/records.ts';
import { SpooledHarness } from '../support/spooled-harness.ts';

const small = { gapMarker: true, maxQueueSize: 5, maxExportBatchSize: 5 };
const rejected = { fail: Object.assign(new Error('no'), { code: 422 }) };

const markersOf = ({ exporter }: Pick<Harness, 'exporter'>) =>
  exporter.calls
    .flatMap(({ records }) => records)
    .filter(({ eventName, instrumentationScope }) => {
      return eventName === 'spillway.gap' && instrumentationScope.name === 'otel-spillway';
    });

/** Five records are held, three of them by the exporter, `lost` find no room; then everything flows again. */
async function overflow(h: Harness, lost: number): Promise<void> {
  h.emit(5);
  await h.settle();
  h.emit(lost, { severityNumber: 17 });
  await h.settle();
  h.exporter.script = ['succeed'];
  h.exporter.calls.at(-1)?.succeed();
  await h.advance(1_000);
}

describe('after an episode of loss', () => {
  test('one WARN record tells how many were lost, why, of which severity and when', async () => {
    const h = new Harness({ ...small, overflow: 'drop-newest' }, 'hang');
    await overflow(h, 7);
    expect(markersOf(h)).toEqual([]);
    await h.advance(20_000);
    const [marker, ...others] = markersOf(h);
    expect(others).toEqual([]);
    expect(marker).toMatchObject({
      severityNumber: 13,
      severityText: 'WARN',
      attributes: {
        'spillway.gap.records': 7,
        'spillway.gap.reason.queue_full': 7,
        'spillway.gap.severity.ERROR': 7,
        'spillway.gap.first_time': '2026-01-01T00:00:01.000Z',
        'spillway.gap.last_time': '2026-01-01T00:00:01.000Z',
      },
    });
    expect(marker?.resource).toBe(record().resource);
    await h.end();
  });

  test('the marker is counted like any other record', async () => {
    const h = new Harness(small, 'hang');
    await overflow(h, 7);
    await h.advance(20_000);
    expect(h.stats).toMatchObject({ offered: 13, exported: 6 });
    await h.end();
  });

  test('a shutdown does not wait for it to be over', async () => {
    const h = new Harness(small, 'hang');
    await overflow(h, 7);
    void h.processor.shutdown();
    await h.advance(10);
    expect(markersOf(h).length).toBe(1);
    await h.end();
  });

  test('an episode of loss has no marker if that is turned off', async () => {
    const h = new Harness({ ...small, gapMarker: false }, 'hang');
    await overflow(h, 7);
    await h.advance(120_000);
    expect(markersOf(h)).toEqual([]);
    await h.end();
  });
});

test('a destination that refuses everything is not sent one marker after another', async () => {
  const h = new Harness({ gapMarker: true }, rejected);
  for (let minute = 0; minute < 10; minute++) {
    h.emit(3);
    await h.advance(60_000);
  }
  // Nothing was ever delivered, so there is no hope.
  expect(markersOf(h)).toEqual([]);
  await h.end();
});

test('a destination that refuses markers alone gets one for each gap, and none for its own refusals', async () => {
  const h = new Harness({ gapMarker: true, maxExportBatchSize: 1 });
  h.exporter.decide = (records) =>
    records[0]?.eventName === 'spillway.gap' || records[0]?.body === 0 ? rejected : 'succeed';
  h.emit(2);
  for (let minute = 0; minute < 30; minute++) await h.advance(60_000);
  expect(markersOf(h).length).toBe(1);
  expect(h.stats.dropped.rejected).toBe(2);
  await h.end();
});

test('a record that cannot be read does not throw into the application, and is part of the gap', async () => {
  const h = new Harness(small, 'hang');
  const unreadable = new Proxy(record(), {
    get: () => {
      throw new Error('unreadable');
    },
  });
  expect(() => h.processor.onEmit(unreadable)).not.toThrow();
  await overflow(h, 3);
  await h.advance(20_000);
  expect(markersOf(h)[0]?.attributes).toMatchObject({
    'spillway.gap.records': 4,
    'spillway.gap.reason.unserializable': 1,
  });
  await h.end();
});

test('what a spool had no room for is a gap; what it kept is none', async () => {
  const down = { fail: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) };
  const h = new SpooledHarness({ gapMarker: true, spool: { maxBytes: 1024 * 1024 } }, [down]);
  const attributes = { text: 'x'.repeat(10_000) };
  for (let round = 0; round < 40; round++) {
    h.emit(10, { attributes });
    await h.settle();
  }
  const lost = h.stats.dropped.spool_full;
  expect(lost).toBeGreaterThan(100);
  h.exporter.script = ['succeed'];
  await h.advance(120_000);
  const told = markersOf(h).map(({ attributes }) => attributes['spillway.gap.records'] as number);
  expect(told.reduce((sum, records) => sum + records, 0)).toBe(lost);
  expect(markersOf(h)[0]?.attributes).toMatchObject({ 'spillway.gap.severity.INFO': expect.any(Number) });
});
