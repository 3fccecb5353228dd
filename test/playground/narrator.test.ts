/** The playground's words: what is told of an outage, of losses and of the end of a process. */
import { expect, test } from 'vitest';
import { type Moment, Narrator } from '../../playground/server/narrator.ts';
import type { Sample } from '../../playground/service/messages.ts';
import type { SideName } from '../../playground/view.ts';

const healthy: Sample = {
  waiting: 100,
  inFlight: 0,
  waitingBytes: 10_000,
  fill: 0,
  onDisk: 0,
  onDiskBytes: 0,
  recovered: 0,
  dropped: {},
  failedExports: 0,
  lastError: undefined,
  breaker: { state: 'closed' },
};

/** Tells a story of samples, one each 100 ms, and returns what was said. */
function toldBy(side: SideName, moments: (Partial<Sample> & { lost?: number; times?: number })[]): string[] {
  const said: string[] = [];
  const narrator = new Narrator(side, (_, text) => {
    const index = said.push(text) - 1;
    return (anew) => {
      said[index] = anew;
    };
  });
  let nowMillis = 0;
  for (const { lost = 0, times = 1, ...changes } of moments) {
    for (let time = 0; time < times; time++) {
      nowMillis += 100;
      const sample: Sample = { ...healthy, ...changes };
      const moment: Moment = { nowMillis, sample, onDisk: sample.onDisk, lost, rate: 1_000, isUp: true };
      narrator.observe(moment);
    }
  }
  return said;
}

const lastError = 'no answer from http://127.0.0.1:4318/v1/logs: connect ECONNREFUSED 127.0.0.1:4318';

test('the story of an outage says why the breaker opened, when it asks, and when all is caught up', () => {
  const open = (failedExports: number, failingMillis: number, nextProbeMillis: number): Partial<Sample> => ({
    lastError,
    failedExports,
    waiting: 4_000,
    breaker: { state: 'open', failingMillis, nextProbeMillis },
  });
  const said = toldBy('spillway', [
    {},
    { failedExports: 1, lastError, breaker: { state: 'closed', failingMillis: 50 } },
    open(5, 2_000, 1_000),
    open(5, 2_100, 900),
    open(6, 3_000, 1_500),
    open(7, 4_500, 4_000),
    { failedExports: 7, lastError, waiting: 3_900 },
    { failedExports: 7, lastError },
  ]);
  expect(said).toEqual([
    'Exports fail: ECONNREFUSED. What is logged waits, and is tried again.',
    'Breaker opened after 5 failed requests: ECONNREFUSED. Asks again in 1.0 s.',
    'Asked again, 2 times by now: still ECONNREFUSED. Asks again in 4.0 s.',
    'Breaker closed: the collector answers again, 0.6 s after the first failure. 4,000 records had to wait.',
    'Caught up 0.1 s later: all that waited is delivered. Nothing was lost.',
  ]);
});

test('a collector that takes a request now and then is one outage in the story', () => {
  const failing: Partial<Sample> = {
    waiting: 3_000,
    lastError: 'HTTP 429 Too Many Requests',
    breaker: { state: 'closed', failingMillis: 100 },
  };
  const behind = { waiting: 2_600 };
  const said = toldBy('spillway', [{}, failing, behind, failing, behind, failing, behind, {}]);
  expect(said).toEqual([
    'Exports fail: HTTP 429. What is logged waits, and is tried again when Retry-After allows it.',
    'The collector answers again, 0.2 s after the first failure. 3,000 records had to wait.',
    'Caught up 0.1 s later: all that waited is delivered. Nothing was lost.',
  ]);
});

test('losses of the stock processor are one entry while they go on, and a sum when it keeps up again', () => {
  const stock = { breaker: undefined, waitingBytes: undefined };
  const said = toldBy('stock', [
    { ...stock },
    { ...stock, fill: 1, dropped: { queue_full: 100 }, lost: 100 },
    { ...stock, fill: 1, dropped: { queue_full: 1_100 }, lost: 1_100 },
    { ...stock, fill: 1, dropped: { queue_full: 1_100, export_failed: 512 }, lost: 1_612 },
    { ...stock, fill: 0.1, dropped: { queue_full: 1_100, export_failed: 512 }, lost: 1_612, times: 50 },
  ]);
  expect(said).toEqual([
    'The queue is full (2,048 records): 1,100 records dropped, each as it is logged.',
    'The exporter gave up on 512 records, and nobody tries again: lost.',
    'Keeps up again. 1,612 records are missing for good.',
  ]);
});

test('the end of a process says what was lost by it and what is on disk for the next one', () => {
  const said: string[] = [];
  const narrator = new Narrator('spillway', (_, text) => {
    said.push(text);
    return () => {};
  });
  narrator.ended({ how: 'SIGTERM', millis: 420, held: 12, onDisk: 0, lost: 0, errors: '' });
  narrator.started(2, 4711);
  narrator.ended({ how: 'SIGKILL', millis: 1, held: 900, onDisk: 800, lost: 100, errors: '' });
  expect(said).toEqual([
    'Ended 0.4 s after SIGTERM. Nothing was lost.',
    'Process 2 is up (pid 4711).',
    'Killed, with 900 records waiting in memory. 100 records lost by this end. On disk: 800 records, for the next process, which takes them over when the lease of the dead one has run out, in 10 s.',
  ]);
});
