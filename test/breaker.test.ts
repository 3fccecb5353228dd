/** The circuit breaker as a state machine: every state against every event, and its arithmetic of time. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BreakerChange, CircuitBreaker } from '../src/delivery/breaker.ts';

const SETTINGS = { failureThreshold: 3, resetTimeoutMillis: 100, maxResetTimeoutMillis: 350 };

function breaker(settings: typeof SETTINGS | undefined = SETTINGS) {
  const changes: BreakerChange[] = [];
  return { breaker: new CircuitBreaker(settings, (change) => changes.push(change)), changes };
}

function open(at = 0) {
  const made = breaker();
  for (let failure = 0; failure < 3; failure++) made.breaker.failed(at);
  return made;
}

function halfOpen(at = 100) {
  const made = open(at - 100);
  made.breaker.probing();
  return made;
}

describe('closed', () => {
  test('it opens at the threshold and not before', () => {
    const { breaker: b, changes } = breaker();
    b.failed(1);
    b.failed(2);
    expect([b.state, b.permit(2), b.probeAt]).toEqual(['closed', 'send', undefined]);
    b.failed(3);
    expect([b.state, b.permit(3), b.probeAt]).toEqual(['open', { notBefore: 103 }, 103]);
    expect(changes).toEqual([{ from: 'closed', to: 'open', probeAt: 103 }]);
  });

  test('a success in between starts the count afresh', () => {
    const { breaker: b, changes } = breaker();
    for (const round of [1, 2, 3]) {
      b.failed(round);
      b.failed(round);
      b.succeeded();
    }
    expect(b.state).toBe('closed');
    expect(changes).toEqual([]);
  });

  test('a threshold of one opens at the first failure', () => {
    const { breaker: b } = breaker({ ...SETTINGS, failureThreshold: 1 });
    b.failed(0);
    expect(b.state).toBe('open');
  });

  test('probing and inconclusive mean nothing', () => {
    const { breaker: b, changes } = breaker();
    b.probing();
    b.inconclusive(5);
    expect(b.state).toBe('closed');
    expect(changes).toEqual([]);
  });
});

describe('open', () => {
  test('it lets nothing through before its time, and then a probe', () => {
    const { breaker: b } = open(0);
    expect(b.permit(99.9)).toEqual({ notBefore: 100 });
    expect(b.permit(100)).toBe('probe');
    expect(b.permit(1_000)).toBe('probe');
    expect(b.state).toBe('open');
  });

  test('the wish of the destination can only lengthen the wait', () => {
    const longer = breaker({ ...SETTINGS, failureThreshold: 1 });
    longer.breaker.failed(0, 5_000);
    expect(longer.breaker.probeAt).toBe(5_000);
    const shorter = breaker({ ...SETTINGS, failureThreshold: 1 });
    shorter.breaker.failed(0, 20);
    expect(shorter.breaker.probeAt).toBe(100);
  });

  test('late failures of exports begun earlier change nothing, a late success closes it', () => {
    const { breaker: b, changes } = open(0);
    b.failed(50);
    b.failed(60, 70);
    b.inconclusive(60);
    expect(b.probeAt).toBe(100);
    b.succeeded();
    expect(b.state).toBe('closed');
    expect(changes.map(({ to }) => to)).toEqual(['open', 'closed']);
  });
});

test('while open a wish of the destination that comes late lengthens the wait', () => {
  const { breaker: b, changes } = open(0);
  b.failed(60, 9_999);
  expect([b.probeAt, b.permit(9_998)]).toEqual([9_999, { notBefore: 9_999 }]);
  expect(changes.map(({ to }) => to)).toEqual(['open']);
});

describe('half-open', () => {
  test('nothing more goes until the probe is answered', () => {
    const { breaker: b, changes } = halfOpen();
    expect(b.permit(1e9)).toEqual({ notBefore: Number.POSITIVE_INFINITY });
    expect(b.probeAt).toBeUndefined();
    b.probing();
    expect(changes.map(({ from, to }) => [from, to])).toEqual([
      ['closed', 'open'],
      ['open', 'half-open'],
    ]);
  });

  test('a success closes it, and it takes the whole threshold to open again, for the first reset time', () => {
    const { breaker: b } = halfOpen();
    b.succeeded();
    b.failed(200);
    b.failed(200);
    expect(b.state).toBe('closed');
    b.failed(200);
    expect(b.probeAt).toBe(300);
  });

  test('each failed probe doubles the wait, up to its maximum', () => {
    const { breaker: b } = open(0);
    const waits: number[] = [];
    for (let now = 100, probe = 0; probe < 4; probe++) {
      b.probing();
      b.failed(now);
      const next = b.probeAt as number;
      waits.push(next - now);
      now = next;
    }
    expect(waits).toEqual([200, 350, 350, 350]);
  });

  test('an inconclusive probe allows the next one at once, without lengthening the wait', () => {
    const { breaker: b } = halfOpen(100);
    b.inconclusive(120);
    expect([b.state, b.permit(120)]).toEqual(['open', 'probe']);
    b.probing();
    b.failed(130);
    expect(b.probeAt).toBe(330);
  });
});

test('without settings it never opens', () => {
  const changes: BreakerChange[] = [];
  const b = new CircuitBreaker(undefined, (change) => changes.push(change));
  for (let now = 0; now < 1_000; now++) b.failed(now);
  expect([b.state, b.permit(0)]).toEqual(['closed', 'send']);
  expect(changes).toEqual([]);
});

test('whatever happens, it reports each change once, and a probe time only while open', () => {
  const event = fc.constantFrom('failed', 'succeeded', 'inconclusive', 'probe' as const);
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.nat(300)), { maxLength: 60 }), (events) => {
      const { breaker: b, changes } = breaker();
      let now = 0;
      let state: string = b.state;
      for (const [what, millis] of events) {
        now += millis;
        const before = changes.length;
        if (what === 'failed') b.failed(now);
        else if (what === 'succeeded') b.succeeded();
        else if (what === 'inconclusive') b.inconclusive(now);
        else if (b.permit(now) === 'probe') b.probing();
        const reported = changes.slice(before);
        expect(reported.length).toBe(b.state === state ? 0 : 1);
        for (const change of reported)
          expect(change).toEqual({ from: state, to: b.state, probeAt: b.probeAt });
        expect(b.probeAt !== undefined).toBe(b.state === 'open');
        if (b.probeAt !== undefined) expect(b.probeAt - now).toBeLessThanOrEqual(350);
        state = b.state;
      }
    }),
  );
});
