/** The collector's bad days: faults played one after another, and good weather between them and at the end. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Behaviour, Reply } from '../demo/collector/protocol.ts';
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

const REPLIES: Partial<Record<FaultKind, Reply>> = {
  stalled: { kind: 'hang' },
  'stalled, stored': { kind: 'hang', stored: true },
  reset: { kind: 'reset', at: 'before-response' },
  'reset, stored': { kind: 'reset', at: 'before-response', stored: true },
  'reset in the answer': { kind: 'reset', at: 'mid-response' },
  'half an answer': { kind: 'half-response' },
  '503': { kind: 'status', status: 503 },
  '429': { kind: 'status', status: 429, retryAfterSeconds: 1 },
};
/** Less than a request may take: it is slow, not dead. */
const SLOW_MILLIS = 120;
/** Fewer than batches have: they are sent in parts, of which some arrive and others do not. */
const MAX_RECORDS = 40;
const GOOD: Behaviour = { latencyMillis: 0, reply: { kind: 'accept' }, maxRecords: Number.POSITIVE_INFINITY };
const LOSES_NONE = new Set<FaultKind>(['503', '429', '413', 'slow', 'reset', 'stalled']);

/**
 * Whether a record may have been stored and its sender not told. A collector that is killed or closes its
 * connections may have stored what it was about to acknowledge.
 */
export function losesAnswers({ kind }: Fault): boolean {
  return !LOSES_NONE.has(kind);
}

export async function play(fault: Fault, collector: WitnessProcess): Promise<void> {
  const { kind, millis } = fault;
  if (kind === 'killed') {
    await collector.kill();
    await sleep(millis);
    await collector.restart();
  } else if (kind === 'refusing') {
    await collector.refuse();
    await sleep(millis);
    await collector.listen();
  } else {
    await collector.behave(behaviourOf(kind));
    await sleep(millis);
    await collector.behave(GOOD);
  }
}

function behaviourOf(kind: FaultKind): Behaviour {
  if (kind === 'slow') return { latencyMillis: SLOW_MILLIS };
  if (kind === '413') return { maxRecords: MAX_RECORDS };
  return { reply: REPLIES[kind] ?? { kind: 'accept' } };
}
