/** What people are told of losses and trouble, how often, and that telling never hurts. */

import { DiagLogLevel, diag } from '@opentelemetry/api';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { DropEvent } from '../../src/index.ts';
import { Diagnostics } from '../../src/telemetry/diagnostics.ts';
import { diagLines } from '../support/diag-lines.ts';
import { Harness } from '../support/harness.ts';
import { ManualClock } from '../support/manual-clock.ts';

function diagnostics(onDrop?: (event: DropEvent) => void) {
  const lines = diagLines();
  const clock = new ManualClock();
  return { diagnostics: new Diagnostics('component/0', clock, onDrop), clock, lines };
}

function logThrough(say: () => void): void {
  diag.setLogger({ error: say, warn: say, info: say, debug: say, verbose: say }, DiagLogLevel.INFO);
  onTestFinished(() => diag.disable());
}

const line = (text: string) => `otel-spillway: component/0: ${text}`;

describe('drops', () => {
  test('the first turn of an episode of drops is reported as one number, and the rest in one summary per 30 s', async () => {
    const { diagnostics: n, clock, lines } = diagnostics();
    n.dropped('queue_full', 1);
    n.dropped('queue_full', 2);
    await clock.settle();
    expect(lines).toEqual([line('dropping log records: queue_full 3')]);
    n.dropped('queue_full', 10);
    n.dropped('shed', 5);
    n.dropped('queue_full', 2);
    await clock.advance(29_999);
    expect(lines).toHaveLength(1);
    await clock.advance(1);
    expect(lines.slice(1)).toEqual([line('dropped more log records: queue_full 12, shed 5')]);
    n.dropped('rejected', 1);
    expect(lines).toHaveLength(2);
    await clock.advance(30_000);
    expect(lines.slice(2)).toEqual([line('dropped more log records: rejected 1')]);
  });

  test('an episode of drops ends after 30 s without any, and the next one is reported immediately', async () => {
    const { diagnostics: n, clock, lines } = diagnostics();
    n.dropped('queue_full', 1);
    await clock.advance(30_000);
    expect(clock.pendingTimers).toBe(0);
    n.dropped('queue_full', 7);
    await clock.settle();
    expect(lines).toEqual([
      line('dropping log records: queue_full 1'),
      line('dropping log records: queue_full 7'),
    ]);
  });

  test('the closing of diagnostics reports the drops that are still unreported, and leaves no timer', async () => {
    const { diagnostics: n, clock, lines } = diagnostics();
    n.dropped('queue_full', 1);
    await clock.settle();
    n.dropped('queue_full', 4);
    n.close();
    expect(lines.slice(1)).toEqual([line('dropped log records: queue_full 4')]);
    n.close();
    expect(lines).toHaveLength(2);
    expect(clock.pendingTimers).toBe(0);
  });

  test('the losses of a shutdown in several steps are reported as one number at its end', async () => {
    const { diagnostics: n, clock, lines } = diagnostics();
    n.dropped('shutdown', 980);
    await clock.advance(40_000);
    n.dropped('shutdown', 410);
    await clock.settle();
    expect(lines).toEqual([]);
    n.close();
    expect(lines).toEqual([line('dropped log records: shutdown 1390')]);
    n.dropped('shutdown', 5);
    await clock.settle();
    expect(lines.slice(1)).toEqual([line('dropping log records: shutdown 5')]);
  });

  test('a diag logger that drops records itself does not recurse', async () => {
    const clock = new ManualClock();
    const n = new Diagnostics('component/0', clock, undefined);
    let said = 0;
    logThrough(() => {
      said++;
      n.dropped('self', 1);
    });
    n.dropped('queue_full', 1);
    await clock.settle();
    expect(said).toBe(1);
  });
});

describe('onDrop', () => {
  test('onDrop is called once per reason and turn, and not from within the drop', async () => {
    const events: DropEvent[] = [];
    const { diagnostics: n, clock } = diagnostics((event) => events.push(event));
    const immediate = vi.spyOn(clock, 'immediate');
    for (let index = 0; index < 100; index++) n.dropped('queue_full', 2);
    n.dropped('shed', 1);
    expect(events).toEqual([]);
    // One for the callback, one for the report.
    expect(immediate).toHaveBeenCalledTimes(2);
    await clock.settle();
    expect(events).toEqual([
      { reason: 'queue_full', records: 200 },
      { reason: 'shed', records: 1 },
    ]);
    n.dropped('shed', 3);
    await clock.settle();
    expect(events.slice(2)).toEqual([{ reason: 'shed', records: 3 }]);
  });

  test('a drop inside onDrop is reported in a later turn', async () => {
    const events: DropEvent[] = [];
    const { diagnostics: n, clock } = diagnostics((event) => {
      events.push(event);
      if (events.length < 3) n.dropped('queue_full', 1);
    });
    n.dropped('queue_full', 1);
    await clock.settle();
    expect(events).toHaveLength(3);
  });

  test('onDrop gets the last drops at the end, and none of them twice', async () => {
    const events: DropEvent[] = [];
    const { diagnostics: n, clock } = diagnostics((event) => events.push(event));
    n.dropped('shutdown', 9);
    n.close();
    await clock.settle();
    expect(events).toEqual([{ reason: 'shutdown', records: 9 }]);
  });
});

describe('callbacks of the host', () => {
  test('a callback of the host that throws or rejects is reported and has no other effect', async () => {
    const { diagnostics: n, clock, lines } = diagnostics();
    const thrown = () => {
      throw new Error('host bug');
    };
    expect(() => n.call(thrown, 1)).not.toThrow();
    expect(lines).toEqual([line('a callback threw: host bug')]);
    await clock.advance(30_000);
    const rejecting: (event: number) => void = () => Promise.reject(new Error('late host bug'));
    n.call(rejecting, 1);
    await clock.settle();
    expect(lines.slice(1)).toEqual([line('a callback threw: late host bug')]);
    expect(() => n.call(undefined, 1)).not.toThrow();
  });

  test('callbacks of the host that always throw do not disturb the processor', async () => {
    const thrown = () => {
      throw Object.create(null);
    };
    const options = {
      maxQueueSize: 2,
      onDrop: thrown,
      onError: thrown,
      onBreakerStateChange: thrown,
      breaker: { failureThreshold: 1, resetTimeoutMillis: 10 },
    };
    const h = new Harness(options, { fail: new Error('down') }, 'succeed');
    h.emit(5);
    await h.advance(5_000);
    expect(h.exporter.delivered).toEqual([3, 4]);
    expect(h.stats.dropped.queue_full).toBe(3);
    await h.end();
  });
});

describe('warnings', () => {
  test('warnings of one topic come at most once per 30 s', async () => {
    const { diagnostics: n, clock, lines } = diagnostics();
    n.warn('a', 'first');
    n.warn('a', 'second');
    n.warn('b', 'other');
    await clock.advance(29_999);
    n.warn('a', 'third');
    await clock.advance(1);
    n.warn('a', 'fourth');
    expect(lines).toEqual([line('first'), line('other'), line('fourth')]);
  });

  test('a diag logger that throws does no harm', () => {
    logThrough(() => {
      throw new Error('logger bug');
    });
    const n = new Diagnostics('component/0', new ManualClock(), undefined);
    expect(() => n.dropped('queue_full', 1)).not.toThrow();
    expect(() => n.close()).not.toThrow();
    expect(() => n.warn('topic', 'text')).not.toThrow();
    expect(() => n.info('text')).not.toThrow();
  });
});
