/** Who sends what a logger logs, when `register` and an SDK of the application both have an instrumentation for it. */

import { expect, test } from 'vitest';
import { Claims } from '../../src/register/bridges.ts';

const PINO = '@opentelemetry/instrumentation-pino';

function opened() {
  let others = 0;
  const claims = new Claims(() => {
    others++;
  });
  claims.asked(PINO);
  claims.open();
  return { claims, others: () => others };
}

test('a logger is ours when nobody else has constructed an instrumentation', () => {
  const { claims, others } = opened();
  expect(claims.isOurs(PINO)).toBe(true);
  // The streams of ours ask for their loggers under the same name.
  claims.asked(PINO);
  expect(claims.isOurs(PINO)).toBe(true);
  expect(others()).toBe(0);
});

test('a logger is theirs when another instrumentation was constructed before it was made', () => {
  const { claims, others } = opened();
  claims.asked('@opentelemetry/instrumentation-http');
  claims.asked(PINO);
  expect(claims.isOurs(PINO)).toBe(false);
  expect(claims.isOurs('@opentelemetry/instrumentation-winston')).toBe(true);
  expect(others()).toBe(2);
});

test('what an application asks for under its own names tells nothing', () => {
  const { claims, others } = opened();
  claims.asked('shop');
  expect(claims.isOurs(PINO)).toBe(true);
  expect(others()).toBe(0);
});
