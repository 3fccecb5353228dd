/** The real spool on the simulated disk keeps what it promises for real ones, through deaths, bad weather and losses of power. */

import { expect, test } from 'vitest';
import type { DiskWeather } from '../../simulation/disk/disk-weather.ts';
import { SimulatedDisk } from '../../simulation/disk/simulated-disk.ts';
import { recordsOnDisk } from '../../simulation/disk/spool-contents.ts';
import type { SpoolSettings } from '../../src/options/option-groups.ts';
import { Spool } from '../../src/spool/spool.ts';
import { runs } from '../support/property-runs.ts';
import { SeededClock } from '../support/seeded-clock.ts';
import { SpoolEvents } from '../support/spool-listener.ts';
import { appendTo, entryOf, LEASE_MILLIS, nameOf, spoolSettings } from '../support/spool-member.ts';

const DIRECTORY = '/var/spool';

function openSpool(
  disk: SimulatedDisk,
  clock: SeededClock,
  id: string,
  settings: Partial<SpoolSettings>,
): Spool {
  const spool = new Spool(spoolSettings(DIRECTORY, settings), clock, disk.view(id));
  spool.open(new SpoolEvents());
  return spool;
}

/** The names of what a later process finds, once the leases of those before have run out. */
async function recover(disk: SimulatedDisk, clock: SeededClock): Promise<string[]> {
  disk.weather = {};
  const spool = openSpool(disk, clock, 'later', {});
  for (let passed = 0; passed < 3 * LEASE_MILLIS; passed += LEASE_MILLIS / 8) {
    await clock.advance(LEASE_MILLIS / 8);
  }
  const names: string[] = [];
  for (let entry = spool.next(); entry !== undefined; entry = spool.next()) {
    const reading = spool.read(entry);
    await clock.advance(10);
    const payload = await reading;
    if (payload !== undefined) names.push(nameOf(payload));
  }
  expect(disk.misuses).toEqual([]);
  return names;
}

/** Appends until the end comes. @returns the names of what was stored. */
async function appendUntil(
  end: () => void,
  disk: SimulatedDisk,
  clock: SeededClock,
  settings: Partial<SpoolSettings>,
): Promise<Set<string>> {
  const spool = openSpool(disk, clock, 'one', settings);
  await clock.advance(100);
  const stored = new Set<string>();
  let isOver = false;
  for (let number = 0; number < 40; number++) {
    const name = `entry-${number}`;
    const isBig = clock.random() < 0.3;
    const entry = entryOf(name, { bytes: isBig ? 20_000 : 60 });
    // What ends after the end was not stored as far as anybody knows.
    void appendTo(spool, entry).then((kept) => !isOver && kept !== undefined && stored.add(name));
    await clock.advance(Math.floor(clock.random() * 100));
  }
  isOver = true;
  end();
  return stored;
}

const missing = (stored: Set<string>, found: readonly string[]) =>
  [...stored].filter((name) => !found.includes(name));

const WEATHERS: readonly (readonly [string, DiskWeather])[] = [
  ['in fair weather', {}],
  ['on a slow disk', { latencyMillis: 20, syncMillis: 60 }],
  ['with short reads and writes', { shortShare: 0.5 }],
  ['while a fifth of the calls fail', { failing: { code: 'EIO', share: 0.2 } }],
  ['on a disk that becomes full', { freeBytes: 100_000 }],
];

test.for(WEATHERS)('stored entries are found after the death of their process, %s', async ([, weather]) => {
  let storedInAll = 0;
  for (let seed = 0; seed < runs(4).numRuns; seed++) {
    const clock = new SeededClock(seed);
    const disk = new SimulatedDisk(clock, weather);
    const stored = await appendUntil(() => disk.kill('one'), disk, clock, {});
    storedInAll += stored.size;
    expect(missing(stored, await recover(disk, clock)), `seed ${seed}`).toEqual([]);
  }
  expect(storedInAll).toBeGreaterThan(0);
});

test('stored entries are found after a loss of power if the spool syncs always', async () => {
  let storedInAll = 0;
  for (let seed = 0; seed < runs(10).numRuns; seed++) {
    const clock = new SeededClock(seed);
    const disk = new SimulatedDisk(clock);
    const stored = await appendUntil(() => disk.loseWatts(), disk, clock, { fsync: 'always' });
    storedInAll += stored.size;
    expect(missing(stored, await recover(disk, clock)), `seed ${seed}`).toEqual([]);
  }
  expect(storedInAll).toBeGreaterThan(50);
});

test('a loss of power can take stored entries if the spool never syncs', async () => {
  let lost = 0;
  for (let seed = 0; seed < runs(10).numRuns; seed++) {
    const clock = new SeededClock(seed);
    const disk = new SimulatedDisk(clock);
    const stored = await appendUntil(() => disk.loseWatts(), disk, clock, { fsync: 'never' });
    lost += missing(stored, await recover(disk, clock)).length;
  }
  expect(lost).toBeGreaterThan(0);
});

test('the records that a spool holds are counted on the disk: written, and not settled', async () => {
  const clock = new SeededClock(1);
  const disk = new SimulatedDisk(clock);
  const spool = openSpool(disk, clock, 'one', {});
  const stored = Promise.all([
    appendTo(spool, entryOf('one', { records: 10 })),
    appendTo(spool, entryOf('two SPFR', { records: 5 })),
  ]);
  await clock.advance(100);
  const [one, two] = await stored;
  if (one === undefined || two === undefined) throw new Error('they are to be stored');
  expect(recordsOnDisk(disk.files)).toBe(15);
  spool.settle(one, 2, 4);
  spool.settle(one, 4, 4);
  await clock.advance(100);
  expect(recordsOnDisk(disk.files)).toBe(9);
  spool.settle(two, 0, 5);
  await clock.advance(100);
  expect(recordsOnDisk(disk.files)).toBe(4);
  const cut = new Map([...disk.files].map(([path, bytes]) => [path, bytes.subarray(0, -1)]));
  // Half of the last frame is gone, and half of the last note, which was that of it.
  expect(recordsOnDisk(cut)).toBe(4);
  spool.settle(one, 0, 10);
  await clock.advance(100);
  expect(recordsOnDisk(disk.files)).toBe(0);
});
