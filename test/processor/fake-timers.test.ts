/** Under fake timers what works with the stock processor works with ours, and nothing is stuck when they are gone. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BatchLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { install } from '@sinonjs/fake-timers';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { SpillwayLogRecordProcessor, type SpillwayStats } from '../../src/index.ts';
import { collectorWith, processorTo } from '../support/otlp-pipeline.ts';
import { expectLaw, record } from '../support/records.ts';
import { ScriptedExporter } from '../support/scripted-exporter.ts';

const CHILD = new URL('../children/faking.ts', import.meta.url).pathname;

interface Subject {
  onEmit(record: unknown): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
  stats?(): SpillwayStats;
}

type Options = { exporter: ScriptedExporter; scheduledDelayMillis?: number };

const subjects: readonly [string, (options: Options) => Subject][] = [
  ['stock', (options) => new BatchLogRecordProcessor(options) as unknown as Subject],
  ['ours', (options) => new SpillwayLogRecordProcessor(options)],
];

interface Fakes {
  advance(millis: number): unknown;
  advanceAsync(millis: number): Promise<unknown>;
  runAll(): unknown;
  uninstall(): unknown;
}

const byVitest = (toFake?: Parameters<typeof vi.useFakeTimers>[0]) => (): Fakes => {
  vi.useFakeTimers(toFake);
  return {
    advance: (millis) => vi.advanceTimersByTime(millis),
    advanceAsync: (millis) => vi.advanceTimersByTimeAsync(millis),
    runAll: () => vi.runAllTimers(),
    uninstall: () => vi.useRealTimers(),
  };
};

/**
 * Sinon's `useFakeTimers` and Jest's modern fake timers are this library, too. Vitest itself cannot do without
 * `process.nextTick`: a process of its own has that faked as well.
 */
const bySinon = (): Fakes => {
  const clock = install({ toNotFake: ['nextTick'] });
  return {
    advance: (millis) => clock.tick(millis),
    advanceAsync: (millis) => clock.tickAsync(millis),
    runAll: () => clock.runAll(),
    uninstall: () => clock.uninstall(),
  };
};

const kinds: readonly [string, () => Fakes][] = [
  ['vitest, default', byVitest()],
  [
    'vitest, everything that it allows',
    byVitest({
      toFake: [
        'setTimeout',
        'clearTimeout',
        'setInterval',
        'clearInterval',
        'setImmediate',
        'clearImmediate',
        'Date',
        'performance',
        'hrtime',
        'queueMicrotask',
      ],
    }),
  ],
  ['vitest, two functions only', byVitest({ toFake: ['setTimeout', 'clearTimeout'] })],
  ['@sinonjs/fake-timers', bySinon],
];

const cases = kinds.flatMap(([kind, fake]) =>
  subjects.map(([name, make]) => [name, kind, fake, make] as const),
);

describe.each(cases)('%s: %s', (_name, _kind, fake, make) => {
  let fakes: Fakes;
  let exporter: ScriptedExporter;
  const made: Subject[] = [];

  function subject(options: Omit<Options, 'exporter'> = {}): Subject {
    const one = make({ exporter, ...options });
    made.push(one);
    return one;
  }

  beforeEach(() => {
    exporter = new ScriptedExporter();
  });

  afterEach(async () => {
    fakes.uninstall();
    for (const one of made.splice(0)) {
      await one.shutdown();
      const stats = one.stats?.();
      if (stats !== undefined) expectLaw(stats);
    }
  });

  const emit = (to: Subject, body = 0) => to.onEmit(record({ body: body as never }));

  describe.each(['before', 'after'])('fakes that come %s construction', (when) => {
    function under(options: Omit<Options, 'exporter'> = {}): Subject {
      if (when === 'before') {
        fakes = fake();
        return subject(options);
      }
      const one = subject(options);
      fakes = fake();
      return one;
    }

    test('a flush delivers and resolves without that the time is advanced', async () => {
      const one = under();
      emit(one);
      await one.forceFlush();
      expect(exporter.delivered).toEqual([0]);
    });

    test('a shutdown delivers and resolves without that the time is advanced', async () => {
      const one = under();
      emit(one);
      await one.shutdown();
      expect(exporter.delivered).toEqual([0]);
      expect(exporter.shutdowns).toBe(1);
    });

    test('a batch goes when the time is advanced by the scheduled delay', async () => {
      const one = under({ scheduledDelayMillis: 60_000 });
      emit(one);
      await fakes.advanceAsync(59_000);
      expect(exporter.calls).toHaveLength(0);
      await fakes.advanceAsync(1_001);
      await turns();
      expect(exporter.delivered).toEqual([0]);
    });

    test('timers can be run until none is left', async () => {
      const one = under();
      emit(one);
      await turns();
      fakes.runAll();
      await turns();
      expect(exporter.delivered).toEqual([0]);
    });

    test('a flush that waits when they are taken away resolves', async () => {
      exporter.script = ['hang'];
      const one = under();
      emit(one);
      const flush = one.forceFlush();
      await turns();
      fakes.uninstall();
      exporter.lastCall.succeed();
      await flush;
      expect(exporter.delivered).toEqual([0]);
    });

    test('a shutdown that waits when they are taken away resolves', async () => {
      exporter.script = ['hang'];
      const one = under();
      emit(one);
      const shutdown = one.shutdown();
      await turns();
      fakes.uninstall();
      exporter.lastCall.succeed();
      await shutdown;
      expect(exporter.delivered).toEqual([0]);
    });

    test('what is emitted after they are taken away is flushed, with what was emitted before', async () => {
      const one = under();
      emit(one, 0);
      await turns();
      fakes.uninstall();
      emit(one, 1);
      await one.forceFlush();
      expect(exporter.delivered).toEqual([0, 1]);
    });
  });
});

describe.each(kinds)('ours only, %s', (_kind, fake) => {
  function under(options: object = {}) {
    const exporter = new ScriptedExporter();
    const fakes = fake();
    const processor = new SpillwayLogRecordProcessor({ exporter, ...options });
    onTestFinished(async () => {
      fakes.uninstall();
      await processor.shutdown();
      expectLaw(processor.stats());
    });
    return { exporter, fakes, processor };
  }

  test('a batch that was opened under fakes goes by itself when they are gone', async () => {
    const { exporter, fakes, processor } = under({ scheduledDelayMillis: 100 });
    processor.onEmit(record({ body: 0 as never }));
    await turns();
    fakes.uninstall();
    processor.onEmit(record({ body: 1 as never }));
    for (let tries = 0; tries < 400 && exporter.delivered.length < 2; tries++) await realSleep(5);
    expect(exporter.delivered).toEqual([0, 1]);
  });

  test('a batch goes although nobody advances the time', async () => {
    const { exporter, fakes, processor } = under({ scheduledDelayMillis: 100 });
    processor.onEmit(record({ body: 0 as never }));
    for (let tries = 0; tries < 200 && exporter.delivered.length === 0; tries++) await realSleep(5);
    fakes.uninstall();
    expect(exporter.delivered).toEqual([0]);
  });
});

test("the package's own exporter sends under fakes, at a flush and at a shutdown", async () => {
  const collector = await collectorWith();
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const processor = processorTo(collector);
  processor.onEmit(record({ body: '0' as never }));
  await processor.forceFlush();
  expect(collector.account().records).toBe(1);
  processor.onEmit(record({ body: '1' as never }));
  await processor.shutdown();
  expect(collector.account().records).toBe(2);
});

/** Real turns of the event loop, whatever is faked. */
const realImmediate = setImmediate;
const realTimeout = setTimeout;
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => realImmediate(resolve));
}
const realSleep = (millis: number) => new Promise((resolve) => realTimeout(resolve, millis));

test.each(['before', 'after'])(
  'in a process with everything faked %s the package is loaded it all works, and goes on when the fakes are gone',
  async (when) => {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, [CHILD, when], { env, timeout: 15_000 });
    expect(JSON.parse(stdout)).toEqual({ flushed: [0], gone: [0, 1, 2], shutdowns: 1 });
  },
  20_000,
);
