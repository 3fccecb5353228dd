/** When a destination that fails is asked next: the state machine by itself, on times that the test gives. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Attempt,
  type BreakerChange,
  Recovery,
  type Verdict,
  waitMillis,
} from '../../src/delivery/recovery.ts';

const RETRY = { initialDelayMillis: 1_000, maxDelayMillis: 30_000 };
const BREAKER = { failureThreshold: 5, resetTimeoutMillis: 1_000, maxResetTimeoutMillis: 30_000 };
/** Jitter that shortens nothing, nearly. */
const LONGEST = () => 1 - 2 ** -53;

function recovery(random: () => number = LONGEST, breaker: typeof BREAKER | false = BREAKER) {
  const changes: BreakerChange[] = [];
  const machine = new Recovery({ retry: RETRY, breaker: breaker || undefined }, random, (change) =>
    changes.push(change),
  );
  return { machine, changes };
}

const well = { health: 'healthy' } as const;
const ill = { health: 'unhealthy' } as const;

/** Plays an outage from `from` to `until` with requests that are answered immediately. @returns when each was sent. */
function outage(machine: Recovery, from: number, until: number, failure: Verdict = ill): number[] {
  const asked: number[] = [];
  let now = from;
  for (;;) {
    const permit = machine.permit(now);
    if (permit.kind === 'not yet') {
      now = permit.notBefore;
      continue;
    }
    asked.push(now);
    const attempt = machine.begin(now);
    machine.end(attempt, now < until ? failure : well, now);
    if (now >= until) return asked;
  }
}

describe('recovery', () => {
  test('an outage of any length is felt for a quarter longer and two seconds at most, and thirty seconds from two minutes on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3_600_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (millis, chance) => {
          const asked = outage(recovery(() => chance).machine, 1_000, 1_000 + millis);
          const felt = (asked.at(-1) as number) - 1_000;
          expect(felt).toBeLessThanOrEqual(Math.min(1.25 * millis + 2_000, millis + 30_000));
        },
      ),
    );
  });

  test('a channel that waits by itself before it connects is asked every two seconds, however long it takes', () => {
    const { machine } = recovery();
    const asked = outage(machine, 0, 600_000, { health: 'unhealthy', isUnconnected: true });
    const waits = asked.slice(1).map((at, index) => at - (asked[index] as number));
    expect(Math.max(...waits)).toBeLessThanOrEqual(2_000);
    expect(asked.length).toBeLessThan(310);
  });

  test('an outage of an hour costs few requests: some in its first seconds, then two or three a minute', () => {
    const asked = outage(recovery(() => 0.5).machine, 0, 3_600_000);
    expect(asked.filter((at) => at < 4_000).length).toBeLessThanOrEqual(8);
    expect(asked.filter((at) => at > 3_000_000 && at < 3_060_000).length).toBeLessThanOrEqual(3);
    expect(asked.length).toBeLessThanOrEqual(7 + 6 * Math.log(3_600_000 / 4_000) + 3 * 60);
  });

  test('the first failure after health is tried again immediately, alone, on a fresh connection', () => {
    const { machine } = recovery();
    machine.end(machine.begin(0), ill, 10);
    expect(machine.permit(10)).toEqual({ kind: 'alone', isProbe: false, needsFreshConnection: true });
    const retry = machine.begin(10);
    expect(machine.permit(10)).toEqual({ kind: 'not yet', notBefore: Number.POSITIVE_INFINITY });
    machine.end(retry, well, 20);
    expect(machine.permit(20)).toEqual({ kind: 'free' });
  });

  test('a destination that says it has no room is not asked again immediately once that was seen to be of no use', () => {
    const { machine } = recovery();
    const noRoom = { health: 'unhealthy', refusal: 'room' } as const;
    let now = 0;
    for (let round = 0; round < 20; round++) {
      let requests = 0;
      for (;;) {
        const permit = machine.permit(now);
        if (permit.kind === 'not yet') break;
        requests++;
        machine.end(machine.begin(now), noRoom, now);
      }
      if (round > 4) expect(requests).toBe(1);
      now = machine.askAt as number;
      // It takes what it is asked to, once, and the next request is too much again.
      machine.end(machine.begin(now), well, now);
    }
  });

  test('requests that were under way together fail as one', () => {
    const { machine, changes } = recovery();
    const attempts = Array.from({ length: 6 }, () => machine.begin(0));
    expect(attempts.map((attempt) => machine.end(attempt, ill, 1_000))).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(changes).toEqual([]);
    expect(machine.permit(1_000).kind).toBe('alone');
  });

  test('the breaker opens after the threshold, is half-open while a probe is under way, and says when it will ask', () => {
    const { machine, changes } = recovery();
    outage(machine, 0, 30_000);
    expect(changes[0]).toMatchObject({ from: 'closed', to: 'open' });
    const opened = changes[0]?.probeAt as number;
    expect(opened).toBeGreaterThan(0);
    expect(changes.slice(-2).map(({ to }) => to)).toEqual(['half-open', 'closed']);
    expect(machine.breaker).toBe('closed');
  });

  test('what it announces is when it asks, and nothing else moves that', () => {
    const { machine } = recovery();
    for (let now = 0; machine.breaker !== 'open'; ) {
      const permit = machine.permit(now);
      if (permit.kind === 'not yet') now = permit.notBefore;
      else machine.end(machine.begin(now), ill, now);
    }
    const announced = machine.askAt as number;
    expect(machine.permit(announced - 1)).toEqual({ kind: 'not yet', notBefore: announced });
    expect(machine.permit(announced)).toEqual({ kind: 'alone', isProbe: true, needsFreshConnection: true });
  });

  test('after the first success there is one request at a time until a second has succeeded', () => {
    const { machine } = recovery();
    outage(machine, 0, 10_000);
    expect(machine.permit(20_000)).toEqual({ kind: 'alone', isProbe: false, needsFreshConnection: false });
    const second = machine.begin(20_000);
    expect(machine.permit(20_000).kind).toBe('not yet');
    machine.end(second, well, 20_010);
    expect(machine.permit(20_010)).toEqual({ kind: 'free' });
  });

  test('a failure right after the first success begins a new incident, with the shortest wait', () => {
    const { machine } = recovery();
    const asked = outage(machine, 0, 60_000);
    const back = asked.at(-1) as number;
    machine.end(machine.begin(back), ill, back + 10);
    expect(machine.failingSince).toBe(back + 10);
    expect((machine.askAt as number) - back).toBeLessThanOrEqual(1_010);
  });

  test('a late success of an older request has the destination asked immediately, and proves nothing', () => {
    const { machine } = recovery();
    const old = machine.begin(0);
    outageUntilFailing(machine, 0);
    machine.end(old, well, 500);
    expect(machine.failingSince).toBe(0);
    expect(machine.permit(500).kind).toBe('alone');
  });

  test('a quick success of a request that was under way with the one that failed says that not all fails', () => {
    const { machine } = recovery();
    const [one, other] = [machine.begin(0), machine.begin(0)] as [Attempt, Attempt];
    machine.end(one, ill, 10);
    machine.end(other, well, 20);
    expect(machine.permit(20)).toEqual({ kind: 'free' });
    expect(machine.failingSince).toBeUndefined();
  });

  test('what pays is learnt from retries alone, and not from requests that were under way with what failed', () => {
    const { machine } = recovery();
    for (let now = 0; now < 500; now += 100) {
      const [one, other] = [machine.begin(now), machine.begin(now)] as [Attempt, Attempt];
      machine.end(one, ill, now + 10);
      machine.end(other, well, now + 20);
    }
    let failures = 0;
    for (; machine.permit(500).kind !== 'not yet'; failures++) machine.end(machine.begin(500), ill, 500);
    expect(failures).toBe(3);
  });

  describe('behind an exporter that tries again by itself, and hides the refusals before a success', () => {
    test('a success that took long, of a request older than the failure, frees no other request', () => {
      const { machine } = recovery();
      const [slow, older] = [machine.begin(0), machine.begin(0)] as [Attempt, Attempt];
      machine.end(machine.begin(1_000), well, 1_005);
      machine.end(slow, ill, 7_800);
      machine.begin(7_800);
      machine.end(older, well, 8_000);
      expect(machine.permit(8_000)).toEqual({ kind: 'not yet', notBefore: Number.POSITIVE_INFINITY });
    });

    test('a retry that succeeded only after a while is no reason to send others beside the next one', () => {
      const { machine } = recovery();
      machine.end(machine.begin(0), well, 5);
      let now = 5;
      for (let round = 0; round < 8; round++) {
        machine.end(machine.begin(now), ill, now + 7_800);
        now += 7_800;
        expect(machine.permit(now)).toMatchObject({ kind: 'alone' });
        machine.end(machine.begin(now), well, now + 1_000);
        now += 1_000;
        expect(machine.permit(now)).toEqual({ kind: 'free' });
      }
    });

    test.each([
      [700, 'free'],
      [701, 'alone'],
    ])(
      'a success after %d ms, where the quickest takes 5, leaves the next failure with %s requests',
      (millis, kind) => {
        const { machine } = recovery();
        machine.end(machine.begin(0), well, 5);
        machine.end(machine.begin(10), ill, 20);
        machine.end(machine.begin(20), well, 20 + millis);
        machine.end(machine.begin(1_000), ill, 1_010);
        expect(machine.permit(1_010).kind).toBe(kind);
      },
    );

    test('a destination is slow where every success takes as long, and an immediate retry then pays', () => {
      const { machine } = recovery();
      let now = 0;
      for (let round = 0; round < 4; round++) {
        machine.end(machine.begin(now), ill, now + 1_000);
        machine.end(machine.begin(now + 1_000), well, now + 2_000);
        now += 2_000;
      }
      machine.end(machine.begin(now), ill, now + 1_000);
      expect(machine.permit(now + 1_000)).toEqual({ kind: 'free' });
    });
  });

  test('what the server asked for holds, is lengthened a little, and no flush cuts it short', () => {
    for (const chance of [0, 0.5, LONGEST()]) {
      const { machine } = recovery(() => chance);
      machine.end(machine.begin(0), { health: 'unhealthy', retryAfterMillis: 20_000 }, 100);
      machine.askNow(200, false);
      const { notBefore } = machine.permit(200) as { notBefore: number };
      expect(notBefore).toBeGreaterThanOrEqual(20_100);
      expect(notBefore).toBeLessThanOrEqual(22_100);
      expect(machine.askAt).toBe(notBefore);
      expect(machine.permit(notBefore).kind).toBe('alone');
    }
  });

  test('what the server asks for beyond five minutes holds for five minutes, and the usual slack', () => {
    for (const chance of [0, LONGEST()]) {
      const { machine } = recovery(() => chance);
      machine.end(machine.begin(0), { health: 'unhealthy', retryAfterMillis: 86_400_000 }, 0);
      expect(machine.askAt).toBeGreaterThanOrEqual(300_000);
      expect(machine.askAt).toBeLessThanOrEqual(305_000);
      if (chance === 0) expect(machine.askAt).toBe(300_000);
    }
  });

  test('a requested delay in an answer that does not count is kept all the same', () => {
    const { machine } = recovery();
    const [first, second] = [machine.begin(0), machine.begin(0)] as [Attempt, Attempt];
    machine.end(first, ill, 10);
    expect(machine.end(second, { health: 'unhealthy', retryAfterMillis: 5_000 }, 11)).toBe(false);
    expect(machine.permit(5_010)).toMatchObject({ kind: 'not yet' });
  });

  test('half of all requests failing does not count as an outage for long', () => {
    let seed = 12345;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    };
    const { machine } = recovery(random);
    let now = 0;
    let delivered = 0;
    const until = 600_000;
    while (now < until) {
      const permit = machine.permit(now);
      if (permit.kind === 'not yet') {
        now = permit.notBefore;
        continue;
      }
      const attempt = machine.begin(now);
      now += 50;
      const succeeds = random() < 0.5;
      if (succeeds) delivered++;
      machine.end(attempt, succeeds ? well : ill, now);
    }
    expect(delivered).toBeGreaterThanOrEqual(0.4 * (until / 50));
  });

  test('a process that was frozen does not take it for an outage', () => {
    const { machine } = recovery();
    const underWay = machine.begin(0);
    machine.timeJumped(60_000, 60_000);
    expect(machine.end(underWay, ill, 60_000)).toBe(false);
    expect(machine.permit(60_000)).toEqual({ kind: 'free' });
    expect(machine.failingSince).toBeUndefined();
  });

  test('a freeze after a failure that is being tried again does not count as a part of the incident', () => {
    const { machine } = recovery();
    machine.end(machine.begin(0), ill, 10);
    const retry = machine.begin(10);
    machine.timeJumped(60_000, 60_010);
    machine.end(retry, ill, 60_011);
    expect(machine.failingSince).toBe(60_010);
    expect(machine.permit(60_011)).toMatchObject({ kind: 'alone' });
  });

  test('what was begun after a freeze counts as ever', () => {
    const { machine } = recovery();
    machine.timeJumped(60_000, 60_000);
    expect(machine.end(machine.begin(60_000), ill, 60_010)).toBe(true);
    expect(machine.failingSince).toBe(60_010);
  });

  test('an answer that says nothing leaves an old incident as it is, if the request is older', () => {
    const { machine } = recovery();
    const old = machine.begin(0);
    outageUntilFailing(machine, 0);
    const announced = machine.askAt;
    machine.end(old, { health: 'unknown' }, 500);
    expect(machine.askAt).toBe(announced);
  });

  test('an answer that says nothing, to the second request after an outage, is followed by another alone', () => {
    const { machine } = recovery();
    outage(machine, 0, 10_000);
    machine.end(machine.begin(20_000), { health: 'unknown' }, 20_010);
    expect(machine.permit(20_010)).toEqual({ kind: 'alone', isProbe: false, needsFreshConnection: false });
    expect(machine.failingSince).toBeUndefined();
  });

  test('an answer that says nothing while all is well changes nothing', () => {
    const { machine } = recovery();
    machine.end(machine.begin(0), { health: 'unknown' }, 10);
    expect(machine.permit(10)).toEqual({ kind: 'free' });
  });

  test('a freeze in the middle of an outage does not count as a part of it, and the destination is asked immediately', () => {
    const { machine } = recovery();
    outageUntilFailing(machine, 0);
    machine.timeJumped(60_000, 60_500);
    expect(machine.failingSince).toBe(60_000);
    expect(machine.permit(60_500).kind).toBe('alone');
  });

  test('a failure long after one that was tried again immediately begins a new incident', () => {
    const { machine } = recovery();
    machine.end(machine.begin(0), ill, 10);
    expect(machine.failingSince).toBe(10);
    machine.end(machine.begin(30_010), ill, 30_011);
    expect(machine.failingSince).toBe(10);
    machine.end(machine.begin(60_012), ill, 60_013);
    expect(machine.failingSince).toBe(60_013);
    expect(machine.permit(60_013).kind).toBe('alone');
  });

  test('a failure thirty seconds after the destination should have been asked still belongs to the incident', () => {
    const { machine } = recovery();
    outageUntilFailing(machine, 0);
    const later = (machine.askAt as number) + 30_000;
    machine.end(machine.begin(later), ill, later + 5);
    expect(machine.failingSince).toBe(0);
  });

  test('a failure after a long time without anything to send begins a new incident', () => {
    const { machine } = recovery();
    outageUntilFailing(machine, 0);
    const later = (machine.askAt as number) + 30_001;
    machine.end(machine.begin(later), ill, later + 5);
    expect(machine.failingSince).toBe(later + 5);
  });

  test('a probe that finds nothing out is followed by another immediately', () => {
    const { machine } = recovery();
    outageUntilFailing(machine, 0);
    const at = machine.askAt as number;
    machine.end(machine.begin(at), { health: 'unknown' }, at + 5);
    expect(machine.permit(at + 5).kind).toBe('alone');
  });

  describe('whoever flushes', () => {
    test('a flush has the destination asked immediately, which puts off nothing that is due already', () => {
      const { machine } = recovery();
      outageUntilFailing(machine, 0);
      machine.askNow(300, false);
      expect(machine.askAt).toBe(300);
      machine.askNow(400, false);
      expect(machine.askAt).toBe(300);
    });

    test('a flush at the end has the destination asked once more, when what is under way has failed', () => {
      for (const [isEnd, kind] of [
        [true, 'alone'],
        [false, 'not yet'],
      ] as const) {
        const { machine } = recovery();
        outageUntilFailing(machine, 0);
        const at = machine.askAt as number;
        const underWay = machine.begin(at);
        machine.askNow(at + 100, isEnd);
        expect(machine.permit(at + 100).kind).toBe('not yet');
        machine.end(underWay, ill, at + 200);
        expect(machine.permit(at + 200).kind).toBe(kind);
        // Once, and no more often than that.
        if (isEnd) machine.end(machine.begin(at + 200), ill, at + 300);
        expect(machine.permit(at + 300).kind).toBe('not yet');
      }
    });

    test('a flush changes nothing where the destination is well', () => {
      const { machine } = recovery();
      machine.askNow(0, true);
      expect(machine.permit(0)).toEqual({ kind: 'free' });
      expect(machine.failingSince).toBeUndefined();
    });

    test('a flush at the end has a destination that fails while it comes back asked once more, too', () => {
      for (const [isEnd, kind] of [
        [true, 'alone'],
        [false, 'not yet'],
      ] as const) {
        const { machine } = recovery();
        outage(machine, 0, 10_000);
        const second = machine.begin(20_000);
        machine.askNow(20_000, isEnd);
        machine.end(second, ill, 20_010);
        expect(machine.permit(20_010).kind).toBe(kind);
      }
    });
  });

  test('an open breaker that waits by itself ends flushes, and nothing else does', () => {
    const { machine } = recovery();
    expect(machine.isWaitingForProbe(0)).toBe(false);
    outageUntilFailing(machine, 0);
    expect(machine.isWaitingForProbe(0)).toBe(false);
    for (let now = 0; machine.breaker !== 'open'; now++) {
      if (machine.permit(now).kind !== 'not yet') machine.end(machine.begin(now), ill, now);
    }
    const at = machine.askAt as number;
    expect([machine.isWaitingForProbe(at - 1), machine.isWaitingForProbe(at)]).toEqual([true, false]);
    const probe = machine.begin(at);
    expect(machine.isWaitingForProbe(at)).toBe(false);
    machine.end(probe, { health: 'unhealthy', retryAfterMillis: 60_000 }, at);
    expect(machine.isWaitingForProbe(at)).toBe(false);
    expect(machine.isWaitingForProbe(at + 66_000)).toBe(false);
  });

  test('an open breaker ends flushes also after a requested delay that is over before the next probe', () => {
    const { machine } = recovery();
    for (let now = 0; machine.breaker !== 'open'; now++) {
      if (machine.permit(now).kind === 'not yet') continue;
      machine.end(machine.begin(now), { health: 'unhealthy', retryAfterMillis: 10 }, now);
    }
    const at = machine.askAt as number;
    expect([machine.isWaitingForProbe(at - 1), machine.isWaitingForProbe(at)]).toEqual([true, false]);
  });

  test('an outage lasts from the first failure that is not retried immediately to a success of a request sent alone', () => {
    const { machine } = recovery();
    expect(machine.isFailing).toBe(false);
    machine.end(machine.begin(0), ill, 0);
    expect([machine.isFailing, machine.failingSince, machine.askAt]).toEqual([false, 0, undefined]);
    outageUntilFailing(machine, 0);
    expect([machine.isFailing, machine.breaker]).toEqual([true, 'closed']);
    for (let now = 0; machine.breaker !== 'open'; now++) {
      if (machine.permit(now).kind !== 'not yet') machine.end(machine.begin(now), ill, now);
    }
    expect(machine.isFailing).toBe(true);
    const at = machine.askAt as number;
    const probe = machine.begin(at);
    expect(machine.askAt).toBeUndefined();
    machine.end(probe, well, at);
    expect([machine.isFailing, machine.failingSince, machine.askAt]).toEqual([false, undefined, undefined]);
  });

  test('two failures are tried again immediately where nothing is known, the third is not, and the fifth opens the breaker', () => {
    const { machine, changes } = recovery();
    let failures = 0;
    const fail = (now: number) => {
      machine.end(machine.begin(now), ill, now);
      return ++failures;
    };
    while (machine.permit(0).kind !== 'not yet') fail(0);
    expect(failures).toBe(3);
    while (changes.length === 0) fail(machine.askAt as number);
    expect(failures).toBe(5);
    expect(changes).toEqual([{ from: 'closed', to: 'open', probeAt: machine.askAt }]);
  });

  test('each wait is bounded by the settings of the retries while the breaker is closed, by its own while it is open', () => {
    const settings = {
      retry: { initialDelayMillis: 200, maxDelayMillis: 300 },
      breaker: { failureThreshold: 6, resetTimeoutMillis: 5_000, maxResetTimeoutMillis: 7_000 },
    };
    const machine = new Recovery(settings, LONGEST);
    const waits: number[] = [];
    for (let now = 0; waits.length < 12; ) {
      const permit = machine.permit(now);
      if (permit.kind !== 'not yet') {
        machine.end(machine.begin(now), ill, now);
        continue;
      }
      waits.push(Math.round(permit.notBefore - now));
      now = permit.notBefore;
    }
    expect(waits.slice(0, 4)).toEqual([200, 200, 200, 5_000]);
    expect(waits.at(-1)).toBe(7_000);
  });

  test('a breaker that was open when there was nothing to send closes with a new incident, and announces no probe', () => {
    const { machine, changes } = recovery();
    for (let now = 0; machine.breaker !== 'open'; now++) {
      if (machine.permit(now).kind !== 'not yet') machine.end(machine.begin(now), ill, now);
    }
    const later = (machine.askAt as number) + 60_000;
    machine.end(machine.begin(later), ill, later + 5);
    expect(changes.at(-1)).toEqual({ from: 'half-open', to: 'closed', probeAt: undefined });
    expect(machine.askAt).toBeDefined();
  });

  test('a recovery without a breaker never opens, and its waits are those of the retries', () => {
    const { machine, changes } = recovery(LONGEST, false);
    outage(machine, 0, 600_000);
    expect(changes).toEqual([]);
  });

  test('a thousand processes do not come back in step after an outage of twenty seconds', () => {
    const perSecond = new Map<number, number>();
    let seed = 1;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    for (let process = 0; process < 1_000; process++) {
      const at = outage(recovery(random).machine, 0, 20_000).at(-1) as number;
      const second = Math.floor(at / 1_000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
    expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(400);
  });
});

test('a wait is a quarter of the outage, within its bounds, and jitter only shortens it', () => {
  fc.assert(
    fc.property(
      fc.nat(1e9),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (elapsed, chance) => {
        const longest = Math.min(30_000, Math.max(1_000, elapsed / 4));
        const wait = waitMillis(elapsed, 1_000, 30_000, chance);
        expect(wait).toBeGreaterThanOrEqual(longest * 0.75);
        expect(wait).toBeLessThan(longest + 1e-6);
      },
    ),
  );
});

/** Fails until the machine waits. */
function outageUntilFailing(machine: Recovery, now: number): void {
  while (machine.permit(now).kind !== 'not yet') machine.end(machine.begin(now), ill, now);
}
