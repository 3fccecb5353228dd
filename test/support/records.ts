/** Log records as a processor is given them, and the law every scenario ends with. */

import { expect } from 'vitest';
import type { SpillwayStats } from '../../src/index.ts';
import type { EmittedRecord } from '../../src/queue/log-batch.ts';

const RESOURCE = {
  attributes: { 'service.name': 'test' },
  merge: () => RESOURCE,
} as unknown as EmittedRecord['resource'];
const SCOPE = { name: 'test' };

/** A record as LoggerProvider would make it, without the cost of one. */
export function record(fields: Partial<Record<keyof EmittedRecord, unknown>> = {}): EmittedRecord {
  return {
    hrTime: [1_700_000_000, 0],
    hrTimeObserved: [1_700_000_000, 0],
    severityNumber: 9,
    severityText: 'INFO',
    body: 'a message',
    attributes: {},
    droppedAttributesCount: 0,
    resource: RESOURCE,
    instrumentationScope: SCOPE,
    ...fields,
  } as EmittedRecord;
}

export function droppedTotal(stats: SpillwayStats): number {
  return Object.values(stats.dropped).reduce((sum, count) => sum + count, 0);
}

/** offered + recovered = exported + Σ dropped + queued + inFlight + spooled. */
export function expectLaw(stats: SpillwayStats): void {
  const { offered, recovered, exported, queued, inFlight, spooled } = stats;
  expect(offered + recovered, `the law must balance: ${JSON.stringify(stats)}`).toBe(
    exported + droppedTotal(stats) + queued.records + inFlight.records + spooled.records,
  );
  for (const held of [queued, inFlight]) {
    expect(held.records).toBeGreaterThanOrEqual(0);
    expect(held.bytes).toBeGreaterThanOrEqual(0);
    if (held.records === 0) expect(held.bytes).toBe(0);
  }
}
