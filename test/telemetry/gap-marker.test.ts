/** The gap marker: when a gap in the log is reported, what the report says, and that it never feeds itself. */

import { SeverityNumber } from '@opentelemetry/api-logs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DROP_REASONS, type DropReason } from '../../src/common/errors.ts';
import { VERSION } from '../../src/common/package.ts';
import { noSeverities, oneRecordOf, severityRange } from '../../src/common/severity-counts.ts';
import { RecordBatch } from '../../src/records/record-batch.ts';
import { EPISODE_END_MILLIS, GapMarker, LONG_EPISODE_MILLIS } from '../../src/telemetry/gap-marker.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { runs } from '../support/property-runs.ts';
import { record } from '../support/records.ts';

type Marker = Parameters<ConstructorParameters<typeof GapMarker>[0]>[0];

const { resource: RESOURCE } = record();

function marked(onAdmit: (marker: Marker, gaps: GapMarker) => void = () => {}) {
  const clock = new ManualClock();
  const markers: Marker[] = [];
  const gaps: GapMarker = new GapMarker((marker) => {
    markers.push(marker);
    onAdmit(marker, gaps);
  }, clock);
  gaps.resource = RESOURCE;
  return { clock, markers, gaps };
}

const recordsOf = (marker: Marker | undefined) => marker?.attributes['spillway.gap.records'];
const total = (markers: Marker[]) => markers.reduce((sum, marker) => sum + Number(recordsOf(marker)), 0);
const iso = (epochMillis: number) => new Date(epochMillis).toISOString();

function severities(counts: Partial<Record<keyof typeof SeverityNumber, number>>): number[] {
  const all = noSeverities();
  for (const [name, records] of Object.entries(counts)) {
    all[severityRange(SeverityNumber[name as keyof typeof SeverityNumber])] = records;
  }
  return all;
}

describe('the time of a report', () => {
  test('a gap is reported once, when 10 s have passed without a loss', async () => {
    const { clock, markers, gaps } = marked();
    gaps.lost('queue_full', 3);
    await clock.advance(9_000);
    gaps.lost('queue_full', 4);
    gaps.delivered();
    await clock.advance(EPISODE_END_MILLIS - 1);
    expect(markers).toEqual([]);
    await clock.advance(1);
    expect(markers.map(recordsOf)).toEqual([7]);
    gaps.delivered();
    await clock.advance(3_600_000);
    gaps.delivered();
    expect(markers).toHaveLength(1);
  });

  test('a gap that goes on is reported every 60 s, each time with the losses since the last report', async () => {
    const { clock, markers, gaps } = marked();
    for (let second = 0; second < 150; second++) {
      gaps.lost('queue_full', 1);
      gaps.delivered();
      await clock.advance(1_000);
    }
    expect(markers.map(recordsOf)).toEqual([60, 60]);
    expect(markers.map((marker) => marker.attributes['spillway.gap.first_time'])).toEqual([
      iso(clock.epochMillis + 1_000),
      iso(clock.epochMillis + 61_000),
    ]);
    await clock.advance(EPISODE_END_MILLIS);
    expect(markers.map(recordsOf)).toEqual([60, 60, 30]);
  });

  test('a gap is not reported before a delivery after its last loss, and the first delivery brings the report', async () => {
    const { clock, markers, gaps } = marked();
    gaps.delivered();
    gaps.lost('queue_full', 1);
    gaps.delivered();
    gaps.lost('queue_full', 1);
    await clock.advance(3_600_000);
    expect(markers).toEqual([]);
    gaps.delivered();
    expect(markers.map(recordsOf)).toEqual([2]);
  });

  test('a delivery in the middle of a gap does not bring its report early', async () => {
    const { clock, markers, gaps } = marked();
    gaps.lost('queue_full', 1);
    await clock.advance(5_000);
    gaps.delivered();
    expect(markers).toEqual([]);
    await clock.advance(5_000);
    expect(markers).toHaveLength(1);
  });

  test('a gap report that waits for a delivery includes the losses that come meanwhile', async () => {
    const { clock, markers, gaps } = marked();
    gaps.lost('queue_full', 1);
    await clock.advance(30_000);
    gaps.lost('rejected', 1);
    gaps.delivered();
    expect(markers).toEqual([]);
    await clock.advance(EPISODE_END_MILLIS);
    expect(markers.map(recordsOf)).toEqual([2]);
  });

  test('a flush reports a gap immediately, whether the report is likely to arrive or not, and nothing twice', async () => {
    const { clock, markers, gaps } = marked();
    gaps.flush();
    expect(markers).toEqual([]);
    gaps.lost('queue_full', 2);
    gaps.flush();
    gaps.flush();
    gaps.delivered();
    await clock.advance(EPISODE_END_MILLIS);
    expect(markers.map(recordsOf)).toEqual([2]);
  });

  test.each(['self', 'already_shutdown'] as const)(
    'records dropped as %s are not reported as a gap',
    async (reason) => {
      const { clock, markers, gaps } = marked();
      gaps.lost(reason, 1_000);
      gaps.lost(reason, 1, oneRecordOf(9));
      expect(clock.pendingTimers).toBe(0);
      gaps.flush();
      gaps.lost('shed', 1);
      gaps.flush();
      expect(markers.map(recordsOf)).toEqual([1]);
    },
  );

  test('no gap is reported before a record was admitted, as there is no resource to report it from', async () => {
    const { clock, markers, gaps } = marked();
    gaps.resource = undefined;
    gaps.lost('shed', 1);
    gaps.delivered();
    await clock.advance(EPISODE_END_MILLIS);
    gaps.flush();
    expect(markers).toEqual([]);
    gaps.resource = RESOURCE;
    gaps.delivered();
    expect(markers.map(recordsOf)).toEqual([1]);
  });

  test('a closed gap marker reports nothing, and leaves or sets no timer', async () => {
    const { clock, markers, gaps } = marked();
    gaps.lost('queue_full', 1);
    gaps.close();
    expect(clock.pendingTimers).toBe(0);
    gaps.lost('queue_full', 1);
    await clock.advance(LONG_EPISODE_MILLIS);
    gaps.delivered();
    gaps.flush();
    gaps.close();
    expect(markers).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});

test('the gap marker has one timer, however many records are lost, and none that keeps the process alive', async () => {
  const { clock, gaps } = marked();
  for (let index = 0; index < 1_000; index++) gaps.lost('queue_full', 1, oneRecordOf(9));
  expect(clock.pendingTimers).toBe(1);
  expect(clock.keepAliveTimers).toBe(0);
  await clock.advance(3_600_000);
  expect(clock.pendingTimers, 'a report that waits for a delivery needs no timer').toBe(0);
});

describe('feedback', () => {
  test('a gap report that is lost does not lead to another one', async () => {
    const { clock, markers, gaps } = marked((_, self) => self.lost('queue_full', 1, oneRecordOf(13)));
    gaps.lost('queue_full', 5);
    for (let minute = 0; minute < 10; minute++) {
      gaps.delivered();
      gaps.flush();
      await clock.advance(60_000);
    }
    expect(markers.map(recordsOf)).toEqual([5]);
  });

  test('a loss that could be the gap report itself is held back for the next report', async () => {
    const { clock, markers, gaps } = marked((_, self) => self.lost('queue_full', 1, oneRecordOf(13)));
    gaps.lost('queue_full', 5);
    gaps.flush();
    await clock.advance(20_000);
    gaps.lost('shed', 1);
    gaps.delivered();
    await clock.advance(EPISODE_END_MILLIS);
    expect(markers.map(recordsOf)).toEqual([5, 2]);
    expect(markers[1]?.attributes['spillway.gap.first_time']).toBe(iso(clock.epochMillis + 1_000));
    expect(markers[1]?.attributes['spillway.gap.last_time']).toBe(iso(clock.epochMillis + 21_000));
  });

  test('gap reports are never more than the records lost beside them, even if every report is lost', async () => {
    const { markers, gaps } = marked((_, self) => self.lost('queue_full', 1, oneRecordOf(13)));
    for (let loss = 0; loss < 20; loss++) {
      gaps.lost('rejected', 1, oneRecordOf(9));
      for (let again = 0; again < 5; again++) gaps.flush();
    }
    expect(markers).toHaveLength(20);
  });
});

describe('the content of a report', () => {
  test('a gap report says how many, when, why and how severe, as a WARN record of the application', async () => {
    const { clock, markers, gaps } = marked();
    clock.epochMillis = Date.UTC(2026, 5, 1) + 250;
    gaps.lost('queue_full', 4, severities({ INFO: 3, ERROR4: 1 }));
    await clock.advance(1_500);
    gaps.lost('shed', 1, oneRecordOf(5));
    gaps.lost('shed', 1, oneRecordOf(undefined));
    gaps.lost('rejected', 2);
    gaps.delivered();
    await clock.advance(EPISODE_END_MILLIS);
    expect(markers).toEqual([
      {
        hrTime: [Date.UTC(2026, 5, 1) / 1000 + 2, 750_000_000],
        hrTimeObserved: [Date.UTC(2026, 5, 1) / 1000 + 12, 750_000_000],
        spanContext: undefined,
        severityNumber: SeverityNumber.WARN,
        severityText: 'WARN',
        eventName: 'spillway.gap',
        body: '8 log records were lost between 2026-06-01T00:00:01.250Z and 2026-06-01T00:00:02.750Z: queue_full 4, shed 2, rejected 2.',
        attributes: {
          'spillway.gap.records': 8,
          'spillway.gap.first_time': '2026-06-01T00:00:01.250Z',
          'spillway.gap.last_time': '2026-06-01T00:00:02.750Z',
          'spillway.gap.reason.queue_full': 4,
          'spillway.gap.reason.shed': 2,
          'spillway.gap.reason.rejected': 2,
          'spillway.gap.severity.UNSPECIFIED': 1,
          'spillway.gap.severity.DEBUG': 1,
          'spillway.gap.severity.INFO': 3,
          'spillway.gap.severity.ERROR': 1,
          'spillway.gap.severity.UNKNOWN': 2,
        },
        droppedAttributesCount: 0,
        resource: RESOURCE,
        instrumentationScope: { name: 'otel-spillway', version: VERSION },
      },
    ]);
  });

  test('a gap of one loss is reported in a sentence of its own', () => {
    const { clock, markers, gaps } = marked();
    gaps.lost('rejected', 1, oneRecordOf(9));
    gaps.flush();
    expect(markers[0]?.body).toBe(`1 log record was lost at ${iso(clock.wallNow())}: rejected 1.`);
  });

  test('the order and the span of the times of a gap hold when the wall clock is set back meanwhile', async () => {
    const { clock, markers, gaps } = marked();
    gaps.lost('queue_full', 1);
    await clock.advance(5_000);
    clock.epochMillis -= 3_600_000;
    gaps.lost('queue_full', 1);
    gaps.flush();
    expect(markers[0]?.attributes['spillway.gap.first_time']).toBe(iso(clock.wallNow() - 5_000));
    expect(markers[0]?.attributes['spillway.gap.last_time']).toBe(iso(clock.wallNow()));
  });

  test('a batch takes in a gap report like any other record', () => {
    const { markers, gaps } = marked();
    gaps.lost('queue_full', 12);
    gaps.flush();
    const batch = new RecordBatch(65_536);
    expect(batch.add(markers[0] as Marker)).toBeGreaterThan(0);
    expect(batch.toArray()[0]).toMatchObject({
      eventName: 'spillway.gap',
      attributes: { 'spillway.gap.records': 12 },
    });
  });
});

type Step =
  | { do: 'lose'; reason: DropReason; records: number; severity: number | undefined }
  | { do: 'advance'; millis: number }
  | { do: 'deliver' }
  | { do: 'flush' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('lose' as const),
    reason: fc.constantFrom(...DROP_REASONS),
    records: fc.integer({ min: 1, max: 5 }),
    severity: fc.option(fc.integer({ min: 0, max: 24 }), { nil: undefined }),
  }),
  fc.record({ do: fc.constant('advance' as const), millis: fc.integer({ min: 0, max: 25_000 }) }),
  fc.constant({ do: 'deliver' as const }),
  fc.constant({ do: 'flush' as const }),
);

test('every loss is in exactly one gap report, by count, reason and severity, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, losesMarkers) => {
      let lost = 0;
      const lose = (gaps: GapMarker, reason: DropReason, records: number, severity: number | undefined) => {
        if (reason !== 'self' && reason !== 'already_shutdown') lost += records;
        if (severity === undefined) gaps.lost(reason, records);
        else for (let index = 0; index < records; index++) gaps.lost(reason, 1, oneRecordOf(severity));
      };
      let canLose = losesMarkers;
      const { clock, markers, gaps } = marked((_, self) => canLose && lose(self, 'queue_full', 1, 13));
      for (const next of steps) {
        if (next.do === 'lose') lose(gaps, next.reason, next.records, next.severity);
        else if (next.do === 'advance') await clock.advance(next.millis);
        else if (next.do === 'deliver') gaps.delivered();
        else gaps.flush();
        expect(total(markers)).toBeLessThanOrEqual(lost);
      }
      // What is held back goes with the next loss.
      canLose = false;
      lose(gaps, 'rejected', 2, 9);
      gaps.flush();
      expect(total(markers)).toBe(lost);
      for (const { attributes } of markers) {
        const sumOf = (prefix: string) =>
          Object.entries(attributes)
            .filter(([key]) => key.startsWith(prefix))
            .reduce((sum, [, records]) => sum + Number(records), 0);
        expect(sumOf('spillway.gap.reason.')).toBe(attributes['spillway.gap.records']);
        expect(sumOf('spillway.gap.severity.')).toBe(attributes['spillway.gap.records']);
      }
    }),
    runs(10),
  );
});
