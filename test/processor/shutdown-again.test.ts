/** What holds when shutdown is called twice, from anywhere, with anything, and what holds after it. */

import { DiagLogLevel, diag } from '@opentelemetry/api';
import { describe, expect, onTestFinished, test } from 'vitest';
import { diagLines } from '../support/diag-lines.ts';
import { Harness } from '../support/harness.ts';
import { httpError } from '../support/scripted-exporter.ts';
import { expectNothingLeft, shutdown } from '../support/shutdown.ts';

describe('called again', () => {
  test('a second shutdown returns the same promise, and so does forceFlush', async () => {
    const h = new Harness();
    const first = h.processor.shutdown();
    expect(h.processor.shutdown()).toBe(first);
    await h.settle();
    await h.processor.forceFlush();
    expect(h.processor.shutdown({ timeoutMillis: 1 })).toBe(first);
    await first;
    expectNothingLeft(h);
  });

  test.each([
    [{ timeoutMillis: 300 }, 1_300],
    [{ timeoutMillis: 60_000 }, 5_000],
    [{ strategy: 'immediate' }, 1_000],
    [{ timeoutMillis: 0 }, 1_000],
    [undefined, 5_000],
  ] as const)('a second shutdown with %o after 1 s ends after %i ms', async (again, endsAfterMillis) => {
    const h = new Harness({}, 'hang');
    h.emit(2);
    const result = shutdown(h);
    await h.advance(1_000);
    shutdown(h, again);
    await h.advance(5_000);
    expect(result.tookMillis).toBe(endsAfterMillis);
    expectNothingLeft(h);
  });

  test('a second shutdown with a shorter time does not wait longer for an exporter that hangs in its own shutdown', async () => {
    const h = new Harness();
    h.exporter.onShutdown = () => new Promise<void>(() => {});
    const result = shutdown(h);
    await h.advance(1_000);
    shutdown(h, { timeoutMillis: 300 });
    await h.advance(5_000);
    expect(result.tookMillis).toBe(1_300);
  });

  test('a shutdown that a diag logger calls again in the middle of it happens once', async () => {
    const h = new Harness({}, 'hang');
    const again = () => void h.processor.shutdown({ strategy: 'immediate' });
    diag.setLogger(
      { error: again, warn: again, info: again, debug: again, verbose: again },
      DiagLogLevel.WARN,
    );
    onTestFinished(() => diag.disable());
    h.emit(3);
    const result = shutdown(h, { strategy: 'immediate' });
    await h.settle();
    expect(result.tookMillis).toBe(0);
    expectNothingLeft(h);
  });
});

test('options that make no sense are reported, and the ones of the constructor hold', async () => {
  const lines = diagLines();
  const h = new Harness({ shutdown: { timeoutMillis: 400 } }, 'hang');
  h.emit(1);
  const result = shutdown(h, { strategy: 'fast' as never });
  await h.advance(450);
  expect(result.tookMillis).toBe(400);
  expect(lines.join('\n')).toContain(
    "option 'shutdown.strategy' must be one of 'graceful', 'flush', 'immediate', got 'fast'",
  );
  expectNothingLeft(h);
});

test('afterwards records are dropped as already_shutdown, and nothing is ready; health() says what was lost', async () => {
  const h = new Harness({ breaker: false }, { fail: httpError(503) });
  h.emit(1);
  h.exporter.script = ['hang'];
  const result = shutdown(h, { timeoutMillis: 100 });
  h.emit(2);
  await h.advance(150);
  expect(result.tookMillis).toBe(100);
  h.emit(1);
  expect(h.stats.dropped).toMatchObject({ already_shutdown: 3, shutdown: 1 });
  expect(h.processor.health()).toMatchObject({
    status: 'failing',
    reasons: ['1 records were lost at the end'],
  });
  await expect(h.processor.ready()).rejects.toMatchObject({ code: 'ERR_SPILLWAY_SHUTDOWN' });
  expectNothingLeft(h);
});
