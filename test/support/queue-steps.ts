/** Everything that can be done to a queue, and the limits it can be built with, for random sequences of both. */

import fc from 'fast-check';
import type { QueueLimits } from '../../src/queue/queue-contract.ts';

export const SCHEDULED_DELAY_MILLIS = 100;
export const BATCH_RECORDS = 4;
export const BATCH_BYTES = 4_000;
const SEVERITIES = [0, 5, 9, 17];

/** What is done to the queue; numbers named `which` choose among the batches handed out. */
export type Step =
  | { readonly do: 'admit'; readonly severity: number; readonly size: number }
  | { readonly do: 'admit unreadable' }
  | { readonly do: 'take'; readonly maxRecords: number; readonly maxBytes: number }
  | { readonly do: 'settle'; readonly which: number }
  | {
      readonly do: 'give back';
      readonly which: number;
      readonly halve: boolean;
      readonly delayMillis: number;
    }
  | { readonly do: 'pass time'; readonly millis: number }
  | { readonly do: 'restrict'; readonly share: number; readonly minSeverity: number }
  | { readonly do: 'unrestrict' | 'seal' | 'hasten' | 'discard unprotected' | 'discard' };

const which = fc.nat(20);
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('admit' as const),
      severity: fc.constantFrom(...SEVERITIES),
      size: fc.constantFrom(0, 50, 500, 3_000),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'admit unreadable' } as const) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('take' as const),
      maxRecords: fc.constantFrom(...Array<number>(5).fill(Number.POSITIVE_INFINITY), 1, 2, 3, 5),
      maxBytes: fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 500, 2_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const), which }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('give back' as const),
      which,
      halve: fc.boolean(),
      delayMillis: fc.constantFrom(0, 0, 50),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass time' as const), millis: fc.nat(120) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('restrict' as const),
      share: fc.double({ min: 0.1, max: 1.2, noNaN: true }),
      minSeverity: fc.constantFrom(0, 9, Number.POSITIVE_INFINITY),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('unrestrict' as const, 'hasten' as const, 'discard unprotected' as const)
      .map((what) => ({ do: what })),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'seal' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'discard' } as const) },
);

export const anyLimits: fc.Arbitrary<QueueLimits> = fc.record({
  maxQueueSize: fc.integer({ min: 1, max: 12 }),
  maxQueueBytes: fc.constantFrom(4_000, 8_000, 100_000),
  maxExportBatchSize: fc.constant(BATCH_RECORDS),
  maxExportBatchBytes: fc.constant(BATCH_BYTES),
  scheduledDelayMillis: fc.constant(SCHEDULED_DELAY_MILLIS),
  overflow: fc.constantFrom('drop-oldest' as const, 'drop-newest' as const),
  protectSeverity: fc.constantFrom(17, Number.POSITIVE_INFINITY),
  shed: fc.constantFrom(undefined, { above: 0.5, belowSeverity: 9 }),
});
