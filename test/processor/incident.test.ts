/** What people are told of an outage: with which level, when, how often, and with what cause. */

import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { expect, onTestFinished, test } from 'vitest';
import { Harness } from '../support/harness.ts';
import { httpError } from '../support/scripted-exporter.ts';

const down = { fail: new Error('connect ECONNREFUSED 127.0.0.1:4318') };
const SECOND = 1_000;

/** What is said, with its level, without the name of the component. */
function said(): string[] {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => {
    lines.push(`${level}: ${message.replace(/^otel-spillway: \S+ /, '')}`);
  };
  const logger: DiagLogger = {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug() {},
    verbose() {},
  };
  diag.setLogger(logger, { logLevel: DiagLogLevel.INFO, suppressOverrideMessage: true });
  lines.length = 0;
  onTestFinished(() => diag.disable());
  return lines;
}

test('an outage is a warning, a warning when the breaker opens, an error after 30 s, and a word when it is over', async () => {
  const lines = said();
  const h = new Harness({}, down);
  h.emit();
  await h.advance(1);
  await h.advance(SECOND);
  expect(lines).toEqual(['warn: export failed (retryable): connect ECONNREFUSED 127.0.0.1:4318']);
  await h.advance(28 * SECOND);
  expect(lines.slice(1)).toEqual([
    expect.stringMatching(
      /^warn: the circuit breaker is open: exports have failed for \d+ s: connect ECONNREFUSED 127.0.0.1:4318; next probe in \d+ ms$/,
    ),
  ]);
  await h.advance(3 * SECOND);
  await h.advance(120 * SECOND);
  expect(lines.slice(2)).toEqual([
    'error: nothing has been delivered for 30 s: connect ECONNREFUSED 127.0.0.1:4318',
  ]);
  h.exporter.script = ['succeed'];
  await h.advance(60 * SECOND);
  expect(h.stats.exported).toBe(1);
  expect(lines.slice(3)).toEqual([
    expect.stringMatching(/^info: exports work again: they failed for 1[5-9]\d s$/),
  ]);
  await h.end();
  expect(lines).toHaveLength(4);
});

test('a breaker that opens with the first failure is one warning', async () => {
  const lines = said();
  const h = new Harness({ breaker: { failureThreshold: 1 } }, down);
  h.emit();
  await h.advance(1_001);
  expect(lines).toEqual([expect.stringMatching(/^warn: the circuit breaker is open: .*ECONNREFUSED/)]);
  await h.end();
});

test('an outage that comes and goes is one, until exports have worked for 10 s', async () => {
  const lines = said();
  const h = new Harness({ maxExportBatchSize: 1, breaker: { failureThreshold: 1 } }, 'succeed');
  const spell = async (behaviour: typeof down | 'succeed', millis: number) => {
    h.exporter.script = [behaviour];
    for (let passed = 0; passed < millis; passed += 500) {
      h.emit();
      await h.advance(500);
    }
  };
  for (let flap = 0; flap < 4; flap++) {
    await spell(down, 6 * SECOND);
    await spell('succeed', 6 * SECOND);
  }
  expect(lines).toEqual([expect.stringMatching(/^warn: the circuit breaker is open/)]);
  await spell('succeed', 10 * SECOND);
  expect(lines.slice(1)).toEqual([
    expect.stringMatching(/^info: exports work again: they failed for 4\d s$/),
  ]);
  await spell(down, 2 * SECOND);
  expect(lines.slice(2)).toEqual([expect.stringMatching(/^warn: the circuit breaker is open/)]);
  await h.end();
});

test('an outage that is over says so at the end of the process at the latest; one that is not does not', async () => {
  for (const isOver of [true, false]) {
    const lines = said();
    const h = new Harness({}, down, isOver ? 'succeed' : down);
    h.emit();
    await h.advance(3 * SECOND);
    await h.end();
    expect(lines.filter((line) => line.startsWith('info: exports work again'))).toHaveLength(isOver ? 1 : 0);
  }
});

test('a loss is reported with what fails and since when', async () => {
  const lines = said();
  const h = new Harness({ maxQueueSize: 2, maxExportBatchSize: 2 }, down);
  h.emit(2);
  await h.advance(20 * SECOND);
  lines.length = 0;
  h.emit(3);
  await h.settle();
  expect(lines).toEqual([
    'warn: dropping log records: queue_full 3 (exports have failed for 20 s: connect ECONNREFUSED 127.0.0.1:4318)',
  ]);
  lines.length = 0;
  await h.end();
  expect(lines).toEqual([
    expect.stringMatching(
      /^warn: dropped log records: shutdown 2 \(exports have failed for \d+ s: connect ECONNREFUSED/,
    ),
  ]);
});

test('a loss that has nothing to do with the incident is reported without it', async () => {
  const lines = said();
  const h = new Harness({}, { fail: httpError(422) });
  h.emit(2);
  await h.advance(SECOND);
  await h.settle();
  expect(lines).toEqual([
    'warn: export failed (rejected): HTTP 422',
    'warn: dropping log records: rejected 2',
  ]);
  await h.end();
});

test('the page that a proxy answers with is cut to a line', async () => {
  const lines = said();
  const page = `<html>\n<head><title>502 Bad Gateway</title></head>\n${'<p>nginx</p>\n'.repeat(500)}</html>`;
  const h = new Harness({}, { fail: new Error(page) });
  h.emit();
  await h.advance(1_001);
  expect(lines[0]).toMatch(/^warn: export failed \(retryable\): <html> <head><title>502 Bad Gateway/);
  expect(lines[0]?.length).toBeLessThan(400);
  expect(h.stats.exports.lastError?.length).toBeLessThan(310);
  await h.end();
});
