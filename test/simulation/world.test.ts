/** The ground that simulated runs stand on: one clock, one order, and processes that can be stopped, busy and gone. */

import { expect, test } from 'vitest';
import { Chance } from '../../simulation/chance.ts';
import { SimulatedProcess } from '../../simulation/process.ts';
import { BEGINNING, Livelock, World } from '../../simulation/world.ts';

function worldWithProcess(): { world: World; process: SimulatedProcess; seen: string[] } {
  const world = new World(1);
  return { world, process: new SimulatedProcess(0, world, new Chance(2)), seen: [] };
}

const run = (world: World): Promise<void> =>
  world.run(
    () => false,
    () => {},
  );

test('events happen in the order of their times, and then in that of their scheduling', async () => {
  const { world, seen } = worldWithProcess();
  const at = (millis: number, name: string) =>
    world.schedule(BEGINNING + millis, () => seen.push(`${world.now - BEGINNING} ${name}`));
  at(20, 'c');
  at(10, 'a');
  at(20, 'd');
  at(10, 'b');
  at(15, 'cancelled')();
  await run(world);
  expect(seen).toEqual(['10 a', '10 b', '20 c', '20 d']);
});

test('every promise that can settle settles before the next event', async () => {
  const { world, seen } = worldWithProcess();
  world.schedule(BEGINNING, async () => {
    for (let turn = 0; turn < 50; turn++) await null;
    seen.push('promises');
  });
  world.schedule(BEGINNING, () => seen.push('event'));
  await run(world);
  expect(seen).toEqual(['promises', 'event']);
});

test('a process that wakes itself without end is detected', async () => {
  const { world } = worldWithProcess();
  const again = () => world.clock.immediate(again);
  again();
  await expect(run(world)).rejects.toThrow(Livelock);
});

test('events due while a process is stopped happen in order when it goes on, and its clock has gone on', async () => {
  const { world, process, seen } = worldWithProcess();
  const startedAt = process.clock.now();
  const note = (name: string) => () => seen.push(`${Math.round(process.clock.now() - startedAt)} ${name}`);
  process.clock.timer(note('a'), 10);
  process.clock.timer(note('b'), 20);
  process.clock.timer(note('c'), 200);
  world.schedule(BEGINNING + 5, () => process.freeze());
  world.schedule(BEGINNING + 100, () => process.thaw());
  await run(world);
  expect(seen).toEqual(['100 a', '100 b', '200 c']);
});

test('synchronous work takes time of its own process, and of no other', async () => {
  const { world, process, seen } = worldWithProcess();
  const other = new SimulatedProcess(1, world, new Chance(3));
  const startedAt = process.clock.now();
  process.clock.timer(() => {
    process.spend(50);
    seen.push(`busy until ${Math.round(process.clock.now() - startedAt)}`);
  }, 10);
  process.clock.timer(() => seen.push(`then at ${Math.round(process.clock.now() - startedAt)}`), 20);
  other.clock.timer(() => seen.push(`other at ${world.now - BEGINNING}`), 20);
  await run(world);
  expect(seen).toEqual(['busy until 60', 'other at 20', 'then at 60']);
});

test('a process that was killed does nothing any more', async () => {
  const { world, process, seen } = worldWithProcess();
  process.clock.timer(() => seen.push('timer'), 10);
  process.events.on('exit', () => seen.push('exit'));
  world.schedule(BEGINNING + 5, () => process.kill());
  await run(world);
  expect(seen).toEqual([]);
  expect(process.isAlive).toBe(false);
});

test('timers take whole milliseconds, one at least, as those of Node do', async () => {
  const { world, process, seen } = worldWithProcess();
  process.clock.timer(() => seen.push(`${world.now - BEGINNING}`), 0);
  process.clock.timer(() => seen.push(`${world.now - BEGINNING}`), 7.9);
  await run(world);
  expect(seen).toEqual(['1', '7']);
});
