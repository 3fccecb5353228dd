/** The whole processor in front of an exporter that does anything at all: the law and both bounds after every step. */

import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  anyOptions,
  anyShutdown,
  anyStep,
  MAX_REPLAY_BYTES,
  Scenario,
} from '../support/processor-scenario.ts';
import { runs } from '../support/property-runs.ts';
import { anyAnswer, anyEnding } from '../support/random-exporter.ts';
import { droppedTotal } from '../support/records.ts';
import { temporaryDirectory } from '../support/spooled-harness.ts';

test('whatever the exporter does, every record is accounted for, within both bounds', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyOptions,
      fc.array(anyAnswer, { maxLength: 25 }),
      anyEnding,
      fc.array(anyStep, { minLength: 5, maxLength: 30 }),
      fc.boolean(),
      anyShutdown,
      async (options, answers, ending, steps, heals, shutdown) => {
        const scenario = new Scenario(options, [answers, options.maxConcurrentExports, ending]);
        const { processor, clock, exporter } = scenario;
        for (const step of steps) await scenario.run(step);

        if (heals) {
          exporter.heal();
          await scenario.run({ do: 'use memory', ratio: 0 });
          await scenario.run({ do: 'pass time', millis: 60_000 });
          await scenario.run({ do: 'emit', count: 1, severity: 9, size: 0 });
          await scenario.run({ do: 'pass time', millis: 10_000 });
          expect(scenario.held, 'a destination that is well again gets everything').toBe(0);
          expect(processor.stats()).toMatchObject({ breaker: { state: 'closed' } });
        }
        expect(processor.stats().exported).toBe(exporter.deliveredRecords);

        let isShutDown = false;
        const done = processor.shutdown(shutdown).then(() => {
          isShutDown = true;
        });
        await clock.advance(shutdown.timeoutMillis + 50);
        expect(isShutDown).toBe(true);
        await done;
        expect(scenario.held).toBe(0);
        await scenario.run({ do: 'emit', count: 2, severity: 17, size: 0 });
        // Answers that come too late for anybody.
        await scenario.run({ do: 'pass time', millis: 20_011 });
        const stats = processor.stats();
        expect(stats.dropped.already_shutdown).toBe(2);
        expect(stats.offered).toBe(stats.exported + droppedTotal(stats));
      },
    ),
    runs(40),
  );
});

const anySpool = fc.record({
  mode: fc.constantFrom('overflow' as const, 'always' as const),
  fsync: fc.constantFrom('never' as const, 'always' as const),
  spillAfterOpenMillis: fc.constantFrom(0, 5_000),
  replayShare: fc.constantFrom(0.1, 0.9),
  maxReplayBytes: fc.constant(MAX_REPLAY_BYTES),
});

test('a processor with a spool loses nothing admitted, and the next process delivers what this one could not', async () => {
  const parent = temporaryDirectory();
  let directories = 0;
  await fc.assert(
    fc.asyncProperty(
      anyOptions,
      anySpool,
      fc.array(anyAnswer, { maxLength: 25 }),
      anyEnding,
      fc.array(anyStep, { minLength: 5, maxLength: 20 }),
      anyShutdown,
      async (options, spool, answers, ending, steps, shutdown) => {
        const directory = join(parent, String(directories++));
        const first = new Scenario({ ...options, spool: { ...spool, directory } }, [
          answers,
          options.maxConcurrentExports,
          ending,
        ]);
        for (const step of steps) await first.run(step);
        const done = first.processor.shutdown(shutdown);
        await first.clock.advance(shutdown.timeoutMillis + 50);
        await done;
        first.audit();
        const before = first.processor.stats();
        expect(before.queued.records + before.inFlight.records).toBe(0);
        expect(before.dropped).toMatchObject({ queue_full: 0, shutdown: 0, spool_full: 0, spool_corrupt: 0 });

        const next = new Scenario({ spool: { ...spool, directory } }, [[], 1, 'resolve']);
        await next.run({ do: 'pass time', millis: 20_011 });
        const after = next.processor.stats();
        expect(after.recovered).toBe(before.spooled.records);
        expect(after.exported + droppedTotal(after)).toBe(after.recovered);
        expect(after.spooled.records).toBe(0);
        const end = next.processor.shutdown();
        await next.clock.advance(5_050);
        await end;
      },
    ),
    runs(10),
  );
});
