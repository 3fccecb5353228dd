/** The gate that jobs wait at until the queue has room. */

import { describe, expect, test } from 'vitest';
import { Backpressure, type ReadyOptions } from '../../src/queue/backpressure.ts';
import { Harness } from '../support/harness.ts';

function gate(pressure = 1) {
  const made = new Backpressure(() => pressure);
  const set = (value: number) => {
    pressure = value;
    made.update();
  };
  return { gate: made, set };
}

/** Whether a promise has settled after all that is due has run. */
async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'resolved' | 'rejected'> {
  const turn = new Promise<'pending'>((resolve) => setImmediate(resolve, 'pending'));
  return Promise.race([
    promise.then(
      () => 'resolved' as const,
      () => 'rejected' as const,
    ),
    turn,
  ]);
}

test('a wait ends immediately when the queue is emptier than asked', async () => {
  await gate(0.79).gate.wait();
  await gate(0.1).gate.wait({ below: 0.2 });
  await gate(0).gate.wait({ below: 1 });
});

test('each wait lasts until the queue is emptier than it asked', async () => {
  const { gate: g, set } = gate(0.9);
  const early = g.wait();
  const late = g.wait({ below: 0.3 });
  set(0.8);
  expect(await stateOf(early)).toBe('pending');
  set(0.79);
  expect(await stateOf(early)).toBe('resolved');
  expect(await stateOf(late)).toBe('pending');
  set(0.29);
  expect(await stateOf(late)).toBe('resolved');
});

test('an abort rejects with the reason of the signal, before or during the wait', async () => {
  const { gate: g, set } = gate();
  const reason = new Error('not worth it');
  await expect(g.wait({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const abort = new AbortController();
  const waiting = g.wait({ signal: abort.signal });
  abort.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  set(0);
  const passed = gate(0.5);
  await passed.gate.wait({ signal: abort.signal }).then(
    () => expect.unreachable('an aborted signal rejects, room or not'),
    (error: unknown) => expect(error).toBe(reason),
  );
});

test('a wait that ended leaves no listener on its signal', async () => {
  const { gate: g, set } = gate();
  const abort = new AbortController();
  let listeners = 0;
  const { signal } = abort;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  const waiting = g.wait({ signal });
  expect(listeners).toBe(1);
  set(0);
  await waiting;
  expect(listeners).toBe(0);
});

test.each([0, -1, 1.01, Number.NaN, '0.5', null, {}])('below cannot be %s', async (below) => {
  await expect(gate(0).gate.wait({ below } as ReadyOptions)).rejects.toMatchObject({
    code: 'ERR_SPILLWAY_OPTION',
    message: expect.stringMatching(/option 'below' must be a number above 0 and up to 1, got /),
  });
});

describe('closed', () => {
  test('a closed queue rejects callers that wait and callers that come', async () => {
    const { gate: g, set } = gate();
    const waiting = g.wait();
    g.close();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_SPILLWAY_SHUTDOWN' });
    set(0);
    await expect(g.wait()).rejects.toMatchObject({ code: 'ERR_SPILLWAY_SHUTDOWN' });
  });
});

describe('of a processor', () => {
  test('ready() resolves when deliveries have made room', async () => {
    const h = new Harness({ maxQueueSize: 10, maxExportBatchSize: 2 }, 'hang');
    h.emit(9);
    await h.settle();
    expect(h.processor.pressure).toBe(0.9);
    const ready = h.processor.ready({ below: 0.6 });
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(await stateOf(ready)).toBe('pending');
    h.exporter.lastCall.succeed();
    await h.settle();
    expect(await stateOf(ready)).toBe('resolved');
    await h.end();
  });

  test('ready() resolves when drops have made room', async () => {
    const retry = { maxElapsedMillis: 0 };
    const h = new Harness({ maxQueueSize: 10, maxExportBatchSize: 10, retry }, 'hang');
    h.emit(10);
    await h.settle();
    const ready = h.processor.ready();
    h.exporter.lastCall.fail(new Error('down'));
    await h.settle();
    expect(await stateOf(ready)).toBe('resolved');
    await h.end();
  });

  test('ready() resolves when memory pressure, which had filled it, is gone', async () => {
    const h = new Harness({ maxQueueBytes: 100_000, scheduledDelayMillis: 60_000 });
    h.emit(30, { body: 'x'.repeat(1_000) });
    h.memoryUseRatio = 0.85;
    await h.advance(1_000);
    const ready = h.processor.ready({ below: 0.5 });
    expect(await stateOf(ready)).toBe('pending');
    h.memoryUseRatio = 0;
    await h.advance(1_000);
    expect(await stateOf(ready)).toBe('resolved');
    await h.end();
  });

  test('shutdown() rejects those who wait', async () => {
    const h = new Harness({ maxQueueSize: 1 }, 'hang');
    h.emit(1);
    const ready = h.processor.ready();
    const rejected = expect(ready).rejects.toMatchObject({ code: 'ERR_SPILLWAY_SHUTDOWN' });
    await h.end();
    await rejected;
  });
});
