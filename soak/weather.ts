/** The collector's bad days: faults played one after another, and good weather between them and at the end. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Condition } from '../src/testing/index.ts';
import type { WitnessProcess } from './witness-process.ts';

type FaultKind =
  | 'killed'
  | 'refusing'
  | 'stalled'
  | 'stalled, stored'
  | 'reset'
  | 'reset, stored'
  | 'reset in the answer'
  | 'half an answer'
  | '503'
  | '429'
  | '413'
  | 'slow';

export interface Fault {
  readonly kind: FaultKind;
  readonly millis: number;
}

/** Less than a request may take: it is slow, not dead. */
const SLOW_MILLIS = 120;
/** Fewer than batches have: they are sent in parts, of which some arrive and others do not. */
const MAX_RECORDS = 40;
const CONDITIONS: Readonly<Record<Exclude<FaultKind, 'killed'>, Condition>> = {
  refusing: 'dead',
  stalled: 'silent',
  'stalled, stored': { kind: 'hang', stored: true },
  reset: 'resetting',
  'reset, stored': { kind: 'reset', at: 'before-response', stored: true },
  'reset in the answer': { kind: 'reset', at: 'mid-response' },
  'half an answer': { kind: 'half-response' },
  '503': 503,
  '429': { kind: 'status', status: 429, retryAfterSeconds: 1 },
  '413': { maxRecords: MAX_RECORDS },
  slow: { latencyMillis: SLOW_MILLIS },
};
const LOSES_NONE = new Set<FaultKind>(['503', '429', '413', 'slow', 'reset', 'stalled']);

/**
 * Whether a record may have been stored and its sender not told. A collector that is killed or closes its
 * connections may have stored what it was about to acknowledge.
 */
export function losesAnswers({ kind }: Fault): boolean {
  return !LOSES_NONE.has(kind);
}

export async function play({ kind, millis }: Fault, collector: WitnessProcess): Promise<void> {
  if (kind === 'killed') {
    await collector.kill();
    await sleep(millis);
    await collector.restart();
  } else {
    await collector.become(CONDITIONS[kind]);
    await sleep(millis);
    await collector.become('well');
  }
}
