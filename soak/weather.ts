/** The collector's bad days: faults played one after another, and good weather between them and at the end. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { CollectorProcess } from '../demo/collector/client.ts';
import type { Reply } from '../demo/collector/protocol.ts';

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

/**
 * Whether a record may have been stored and its sender not told. A collector that is killed or closes its
 * connections may have stored what it was about to acknowledge.
 */
export function losesAnswers({ kind }: Fault): boolean {
  return kind !== '503' && kind !== '429' && kind !== 'slow' && kind !== 'reset' && kind !== 'stalled';
}

export async function play(fault: Fault, collector: CollectorProcess): Promise<void> {
  const { kind, millis } = fault;
  const reply = REPLIES[kind];
  if (kind === 'killed') {
    await collector.kill();
    await sleep(millis);
    await collector.restart();
  } else if (kind === 'refusing') {
    await collector.refuse();
    await sleep(millis);
    await collector.listen();
  } else {
    await collector.behave(reply === undefined ? { latencyMillis: SLOW_MILLIS } : { reply });
    await sleep(millis);
    await collector.behave({ latencyMillis: 0, reply: { kind: 'accept' } });
  }
}
