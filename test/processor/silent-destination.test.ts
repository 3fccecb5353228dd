/** What a destination that does not answer costs those who flush again and again, as at the end of each invocation. */

import { expect, test } from 'vitest';
import type { FlushOptions } from '../../src/processor.ts';
import { Harness } from '../support/harness.ts';
import { httpError } from '../support/scripted-exporter.ts';

const UNAVAILABLE = 'ERR_SPILLWAY_UNAVAILABLE';
const TIMEOUT = 'ERR_SPILLWAY_FLUSH_TIMEOUT';

/** Its promise, with the time it took on the clock. */
function flush(h: Harness, options?: FlushOptions): Promise<readonly [how: string, millis: number]> {
  const from = h.clock.now();
  const end = (how: string) => [how, h.clock.now() - from] as const;
  return h.processor.forceFlush(options).then(
    () => end('done'),
    ({ code }: { code: string }) => end(code),
  );
}

/** One record and a flush at the end of each of `times` invocations. */
async function invoke(h: Harness, times: number, passMillis = 200) {
  const ends: (readonly [string, number])[] = [];
  for (let time = 0; time < times; time++) {
    h.emit();
    void flush(h).then((end) => ends.push(end));
    await h.advance(passMillis);
  }
  return ends;
}

test('a destination that does not answer costs the first flush its time, and the following ones nothing', async () => {
  const h = new Harness({ flushTimeoutMillis: 100 }, 'hang');
  const ends = await invoke(h, 20);
  expect(ends[0]).toEqual([TIMEOUT, 100]);
  expect(ends.slice(1)).toEqual(Array(19).fill([UNAVAILABLE, 0]));
  await h.end();
});

test('an exporter whose own flush waits for the answer as well does not cost the following flushes their time', async () => {
  const h = new Harness({ flushTimeoutMillis: 100 }, 'hang');
  h.exporter.onForceFlush = () => new Promise(() => {});
  const ends = await invoke(h, 5);
  expect(ends.slice(1)).toEqual(Array(4).fill([UNAVAILABLE, 0]));
  await h.end();
});

test('a flush that is not waited for has sent what it may, and its error says why', async () => {
  const h = new Harness({ flushTimeoutMillis: 100, exportTimeoutMillis: 1_000 }, 'hang');
  await invoke(h, 1);
  // The attempt is given up, and so is the wait for its late answer.
  await h.advance(7_000);
  const before = h.exporter.calls.length;
  h.emit();
  const flushing = h.processor.forceFlush();
  const rejected = expect(flushing).rejects.toThrow(/has not answered since a flush waited 100 ms/);
  await h.settle();
  await rejected;
  expect(h.exporter.calls.length).toBeGreaterThanOrEqual(before);
  expect(h.exporter.concurrent).toBeGreaterThan(0);
  await h.end();
});

test('a flush with more time than any has waited in vain waits for the answer', async () => {
  const h = new Harness({ flushTimeoutMillis: 100 }, 'hang');
  await invoke(h, 2);
  const patient = flush(h, { timeoutMillis: 2_000 });
  await h.advance(500);
  h.exporter.script = ['succeed'];
  h.exporter.lastCall.succeed();
  await h.settle();
  expect(await patient).toEqual(['done', 500]);
  await h.end();
});

test('after an answer, however late, flushes wait again', async () => {
  const h = new Harness({ flushTimeoutMillis: 100 }, 'hang');
  await invoke(h, 3);
  h.exporter.script = ['succeed', 'hang'];
  h.exporter.lastCall.succeed();
  await h.settle();
  expect(await invoke(h, 2)).toEqual([
    [TIMEOUT, 100],
    [UNAVAILABLE, 0],
  ]);
  await h.end();
});

test('after a failure that comes sooner than a flush had waited, flushes wait again', async () => {
  const h = new Harness({ flushTimeoutMillis: 5_000, breaker: false }, 'hang');
  h.emit();
  const first = flush(h);
  await h.advance(5_000);
  expect(await first).toEqual([TIMEOUT, 5_000]);
  h.exporter.script = [{ fail: httpError(503) }, 'succeed'];
  // It has been silent for longer than that.
  h.exporter.lastCall.fail(httpError(503));
  await h.settle();
  const second = flush(h);
  await h.advance(2_000);
  expect((await second)[0]).toBe('done');
  await h.end();
});

test('a destination that refuses costs each flush the refusal and no wait', async () => {
  const h = new Harness({ flushTimeoutMillis: 500 }, { fail: httpError(503) });
  expect(await invoke(h, 50, 2_000)).toEqual(Array(50).fill([UNAVAILABLE, 0]));
  await h.end();
});

test('shutdown asks a destination that has been silent, and waits', async () => {
  const h = new Harness({ flushTimeoutMillis: 100 }, 'hang');
  await invoke(h, 3);
  const calls = h.exporter.calls.length;
  const shutdown = h.processor.shutdown({ timeoutMillis: 1_000 });
  await h.advance(400);
  h.exporter.script = ['succeed'];
  for (const call of h.exporter.calls) call.succeed();
  await h.settle();
  await shutdown;
  expect(h.stats).toMatchObject({ exported: 3, dropped: { shutdown: 0 } });
  expect(h.exporter.calls.length).toBeGreaterThan(calls);
});
