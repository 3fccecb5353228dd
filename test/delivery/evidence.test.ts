/** What a refusal as malformed means, in the light of what was accepted before. */

import { describe, expect, test } from 'vitest';
import { Evidence } from '../../src/delivery/evidence.ts';
import type { Outcome } from '../../src/delivery/sender.ts';

const error = new Error('bad request');
const malformed: Outcome = { kind: 'malformed', error };
const delivered: Outcome = { kind: 'delivered', rejectedRecords: 0 };
const batch = (bytes: number, records = 10) => ({ bytes, records });

/** What has accepted a batch of 100 bytes. */
function accepting(): Evidence {
  const evidence = new Evidence();
  evidence.interpret(delivered, batch(100));
  return evidence;
}

describe('before anything was accepted', () => {
  test('a refusal as malformed is ambiguous, and the address in doubt until something is accepted', () => {
    const evidence = new Evidence();
    expect([evidence.isAddressInDoubt, evidence.wasAnythingAccepted]).toEqual([false, false]);
    expect(evidence.interpret(malformed, batch(1, 1))).toEqual({ kind: 'ambiguous', error });
    expect([evidence.isAddressInDoubt, evidence.wasAnythingAccepted]).toEqual([true, false]);
    expect(evidence.interpret(delivered, batch(0, 1))).toBe(delivered);
    expect([evidence.isAddressInDoubt, evidence.wasAnythingAccepted]).toEqual([false, true]);
    expect(evidence.interpret(malformed, batch(0, 1))).toBe(malformed);
    expect(evidence.isAddressInDoubt).toBe(false);
  });

  test('any other answer means what it says, and no doubt comes of it', () => {
    const evidence = new Evidence();
    for (const kind of ['retryable', 'ambiguous', 'too_large', 'rejected', 'unserializable'] as const) {
      const outcome: Outcome = { kind, error };
      expect(evidence.interpret(outcome, batch(100))).toBe(outcome);
    }
    expect([evidence.isAddressInDoubt, evidence.wasAnythingAccepted]).toEqual([false, false]);
  });
});

describe('a refusal as malformed', () => {
  test('a malformed refusal of a batch no larger than an accepted one is about a record', () => {
    const evidence = accepting();
    expect(evidence.interpret(malformed, batch(100))).toBe(malformed);
    evidence.interpret(delivered, batch(50));
    expect(evidence.interpret(malformed, batch(100))).toBe(malformed);
  });

  test('a malformed refusal of a single record is about that record, however large it is', () => {
    expect(accepting().interpret(malformed, batch(1_000, 1))).toBe(malformed);
  });

  test('a malformed refusal of a batch larger than any accepted one is suspected to be about size, a second one known', () => {
    const evidence = accepting();
    expect(evidence.interpret(malformed, batch(101))).toEqual({
      kind: 'too_large',
      error,
      isSuspected: true,
    });
    expect(evidence.interpret(malformed, batch(300))).toEqual({
      kind: 'too_large',
      error,
      isSuspected: false,
    });
  });

  test('a refusal is suspected anew after something as large was accepted, and still known after something smaller', () => {
    for (const [bytes, isSuspected] of [
      [200, true],
      [199, false],
    ] as const) {
      const evidence = accepting();
      evidence.interpret(malformed, batch(300));
      evidence.interpret(malformed, batch(200));
      evidence.interpret(delivered, batch(bytes));
      expect(evidence.interpret(malformed, batch(301))).toMatchObject({ kind: 'too_large', isSuspected });
    }
  });

  test('a refused batch that was accepted in parts makes the parts the measure, whatever was accepted before', () => {
    const evidence = accepting();
    expect(evidence.interpret(malformed, batch(60))).toBe(malformed);
    evidence.foundLimit(30);
    expect(evidence.interpret(malformed, batch(30))).toBe(malformed);
    expect(evidence.interpret(malformed, batch(31))).toMatchObject({ kind: 'too_large' });
  });
});
