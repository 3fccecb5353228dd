/** Three processes at one spool that run, are slow, stopped, closed or dead in any order: nothing is lost, nothing has two senders. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SpoolEntry } from '../../src/spool/format/entry.ts';
import { runs } from '../support/property-runs.ts';
import {
  appendTo,
  entryOf,
  LEASE_MILLIS,
  nameOf,
  namesOf,
  SpoolMember,
  spoolDirectory,
} from '../support/spool-member.ts';
import { StoppableClock } from '../support/stoppable-clock.ts';

type Event =
  | { readonly do: 'run'; readonly who: number; readonly millis: number }
  | {
      readonly do: 'store' | 'store later' | 'send' | 'close' | 'crash' | 'slow' | 'quick';
      readonly who: number;
    };

const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('run' as const),
      who: fc.nat(2),
      millis: fc.constantFrom(250, 500, 1_000, 2_500),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('store' as const, 'store later' as const, 'send' as const),
      who: fc.nat(2),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('slow' as const, 'quick' as const), who: fc.nat(2) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('close' as const, 'crash' as const), who: fc.nat(2) }),
  },
);

/**
 * Three processes on one machine: one time for all of them, of which each learns when it runs; in between it is
 * stopped. Slow ones have their calls to the disk wait as well.
 */
class Neighbours {
  readonly #directory: string;
  readonly members: SpoolMember[] = [];
  readonly #letGo: ((() => Promise<void>) | undefined)[] = [];
  #now = 0;
  #names = 0;
  /** What was stored for good and not sent. */
  readonly owed = new Set<string>();
  /** Who has, or had, which name. */
  readonly #entries = new Map<string, { readonly member: SpoolMember; readonly entry: SpoolEntry }[]>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async start(who: number): Promise<void> {
    this.#letGo[who] = undefined;
    this.members[who] = await SpoolMember.open(this.#directory, {}, new StoppableClock(1_000 + this.#now));
  }

  async run(event: Event): Promise<void> {
    const { who } = event;
    const member = this.members[who] as SpoolMember;
    this.#wake(member);
    switch (event.do) {
      case 'run':
        // The others are stopped meanwhile.
        this.#now += event.millis;
        await member.pass(event.millis, 250);
        break;
      case 'store':
      case 'store later':
        this.#store(member, event.do === 'store');
        break;
      case 'send':
        await this.#send(member);
        break;
      case 'slow':
        this.#letGo[who] ??= member.disk.hold('rename', 'write', 'readFile', 'open', 'stat');
        break;
      case 'quick':
        await this.#quicken(who);
        break;
      case 'close':
        await this.#quicken(who);
        await member.close();
        await this.start(who);
        break;
      case 'crash':
        await member.crash();
        await this.start(who);
        break;
    }
    await this.members[who]?.rest();
  }

  /** All run on, then all but the first close: whatever is left is the first one's. */
  async finish(): Promise<void> {
    for (const [who, member] of this.members.entries()) {
      this.#wake(member);
      await this.#quicken(who);
    }
    const [first, ...others] = this.members as [SpoolMember, ...SpoolMember[]];
    for (const other of others) await other.close();
    await first.pass(4 * LEASE_MILLIS);
    const names = namesOf(await first.drain());
    for (const name of this.owed) expect(names, `${name} was stored`).toContain(name);
    await first.close();
  }

  /** Its clock shows what time it is. */
  #wake({ clock }: SpoolMember): void {
    const time = 1_000 + this.#now;
    if (clock.now() > time) this.#now = clock.now() - 1_000;
    else (clock as StoppableClock).stop(time - clock.now());
  }

  async #quicken(who: number): Promise<void> {
    const letGo = this.#letGo[who];
    this.#letGo[who] = undefined;
    await letGo?.();
    await this.members[who]?.rest();
  }

  #store(member: SpoolMember, isAtOnce: boolean): void {
    const name = `${this.#names++}`;
    const stored = (entry: SpoolEntry | undefined) => {
      if (entry === undefined) return;
      this.owed.add(name);
      this.#note(name, member, entry);
      member.spool.release(entry);
    };
    if (isAtOnce) stored(member.spool.appendSync(entryOf(name)));
    else void appendTo(member.spool, entryOf(name)).then(stored);
  }

  /** Sends one thing, at once, if that is allowed. */
  async #send(member: SpoolMember): Promise<void> {
    const { spool, clock } = member;
    const entry = spool.next();
    if (entry === undefined) return;
    const payload = this.#letGo[this.members.indexOf(member)] ? undefined : await spool.read(entry);
    if (payload === undefined || !spool.renewLapsedLeases(clock.now())) return spool.requeue(entry);
    const name = nameOf(payload);
    this.#note(name, member, entry);
    for (const other of this.#entries.get(name) ?? []) {
      if (other.member === member || !this.members.includes(other.member)) continue;
      const isThere = other.entry.state === 'stored' && other.entry.remaining.length > 0;
      expect(isThere && other.member.spool.renewLapsedLeases(clock.now()), `${name} may be sent by two`).toBe(
        false,
      );
    }
    this.owed.delete(name);
    for (const [first, records] of entry.remaining) spool.settle(entry, first, records);
  }

  #note(name: string, member: SpoolMember, entry: SpoolEntry): void {
    this.#entries.set(name, [...(this.#entries.get(name) ?? []), { member, entry }]);
  }
}

test('whoever runs, is slow, stopped, closed or dead: what was stored and not sent is found', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyEvent, { minLength: 5, maxLength: 40 }), async (events) => {
      const neighbours = new Neighbours(await spoolDirectory());
      for (const who of [0, 1, 2]) await neighbours.start(who);
      for (const event of events) await neighbours.run(event);
      await neighbours.finish();
    }),
    runs(8),
  );
});
