/** What goes wrong with the simulated disk, and with the processes that use it. */

import { expect, test } from 'vitest';
import { SimulatedDisk } from '../../simulation/disk/simulated-disk.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededClock } from '../support/seeded-clock.ts';

const MODE = 0o600;
const FOUR = Buffer.from('abcd');

function setUp(weather: SimulatedDisk['weather'] = {}, clock = new ManualClock(0)) {
  const disk = new SimulatedDisk(clock, weather);
  const spent: number[] = [];
  const view = disk.view('one', (millis) => spent.push(millis));
  return { clock, disk, view, spent };
}

/** Whether a promise is settled, and how. */
function watch<T>(promise: Promise<T>): {
  readonly result: T | undefined;
  readonly code: string | undefined;
} {
  const seen: { result: T | undefined; code: string | undefined } = { result: undefined, code: undefined };
  promise.then(
    (result) => {
      seen.result = result;
    },
    (error: NodeJS.ErrnoException) => {
      seen.code = error.code;
    },
  );
  return seen;
}

const content = (disk: SimulatedDisk, path: string) => disk.files.get(path)?.toString('latin1');

test('a call to the simulated disk takes as long as the weather says, and no longer', async () => {
  const { clock, view } = setUp({ latencyMillis: 10, syncMillis: 100 });
  const opened = watch(view.open('/a', 'wx', MODE));
  await clock.advance(9);
  expect(opened.result).toBeUndefined();
  await clock.advance(1);
  expect(opened.result).toBeTypeOf('number');
  const synced = view.datasync(opened.result as number).then(() => clock.now());
  await clock.advance(200);
  expect(await synced).toBe(110);
});

test('a synchronous call adds its duration to the clock of its process, and the call behind it begins then', () => {
  const { disk, view, spent } = setUp({ latencyMillis: 10, hangsUntilMillis: 500 });
  const fd = view.openSync('/a', 'wx', MODE);
  view.writeSync(fd, FOUR, 0);
  expect(spent).toEqual([510, 10]);
  disk.weather = { latencyMillis: 0, syncMillis: 0 };
  view.datasyncSync(fd);
  expect(spent).toEqual([510, 10]);
});

test('a hiccup of the simulated disk holds up one write, asynchronous or not', async () => {
  const { clock, disk, view, spent } = setUp({ latencyMillis: 0 });
  const fd = view.openSync('/a', 'wx', MODE);
  disk.hiccup(150);
  disk.hiccup(150);
  const written = view.writev(fd, [FOUR], 0).then(() => clock.now());
  view.writeSync(fd, FOUR, 4);
  view.writeSync(fd, FOUR, 8);
  expect(spent).toEqual([150]);
  await clock.advance(1_000);
  expect(await written).toBe(150);
});

test('a simulated disk that hangs gives no answer until it goes on', async () => {
  const { clock, disk, view } = setUp({ hangsUntilMillis: Number.POSITIVE_INFINITY });
  const opened = watch(view.open('/a', 'wx', MODE));
  await clock.advance(3_600_000);
  expect(opened.result).toBeUndefined();
  expect([...disk.files.keys()]).toEqual([]);
  disk.weather = {};
  await clock.settle();
  expect(opened.result).toBeTypeOf('number');
});

test('a disk that hangs for a while is as it was afterwards', async () => {
  const { clock, disk, view } = setUp({ latencyMillis: 10, shortShare: 1 });
  disk.hang(500);
  const found = view.stat('/').then(() => clock.now());
  const from = clock.now();
  await clock.advance(1_000);
  expect((await found) - from).toBe(500);
  expect(disk.weather).toMatchObject({ latencyMillis: 10, shortShare: 1 });
});

test('a disk that is calm does all that it should, whatever was to come', async () => {
  const { clock, disk, view } = setUp({ latencyMillis: 0, failing: { code: 'EIO' } });
  disk.hiccup(3_000, ['stat']);
  disk.calm();
  const found = view.stat('/').then(() => clock.now());
  const from = clock.now();
  await clock.advance(10);
  expect((await found) - from).toBeLessThan(1);
});

test('a write of several buffers that is cut short ends where one of them does, half of the time', () => {
  const ends = new Map<number, number>();
  for (let seed = 0; seed < 200; seed++) {
    const { view } = setUp({ latencyMillis: 0, shortShare: 1 }, new SeededClock(seed));
    const fd = view.openSync('/a', 'wx', MODE);
    void view.writev(fd, [Buffer.alloc(1_000), Buffer.alloc(1_000)], 0);
    const { size } = view.statSync('/a');
    ends.set(size, (ends.get(size) ?? 0) + 1);
  }
  expect(ends.get(1_000)).toBeGreaterThan(50);
  expect(ends.get(2_000)).toBeUndefined();
  expect(ends.size).toBeGreaterThan(50);
});

test('a write that is torn ends behind one of its buffers, and the next one says why', async () => {
  const { view } = setUp({ latencyMillis: 0, tornShare: 1 });
  const fd = view.openSync('/a', 'wx', MODE);
  expect(await view.writev(fd, [FOUR, FOUR], 0)).toBe(4);
  await expect(view.writev(fd, [FOUR], 4)).rejects.toThrow('EIO');
  expect(await view.writev(fd, [FOUR], 4)).toBe(4);
});

test('a synchronous call to a disk that hangs for ever holds up its process for ever', () => {
  const { view, spent } = setUp({ latencyMillis: 0, hangsUntilMillis: Number.POSITIVE_INFINITY });
  expect(() => view.statSync('/')).toThrow('EIO');
  expect(spent).toEqual([Number.POSITIVE_INFINITY]);
});

test.for([
  [0, 7_000],
  // The first and what is left until the second add up to less than the second.
  [229.86259971844504, 1279.4685884159655],
] as const)('a hang of the simulated disk from %s to %s ms ends in time', async ([from, until]) => {
  const { clock, view } = setUp({ hangsUntilMillis: until }, new ManualClock(from));
  const found = view.stat('/').then(() => clock.now());
  await clock.advance(10_000);
  expect(await found).toBeCloseTo(until, 6);
});

test('a hang of the simulated disk that is followed by another one goes on', async () => {
  const { clock, disk, view } = setUp({ hangsUntilMillis: 1_000 });
  const found = view.stat('/').then(() => clock.now());
  disk.weather = { hangsUntilMillis: 3_000 };
  await clock.advance(10_000);
  expect(await found).toBe(3_000);
});

test('a failing call fails with its code, where such a failure can be', async () => {
  const { disk, view } = setUp({ latencyMillis: 0, syncMillis: 0 });
  const fd = await view.open('/a', 'wx', MODE);
  disk.weather = { latencyMillis: 0, syncMillis: 0, failing: { code: 'EROFS' } };
  await expect(view.open('/b', 'wx', MODE)).rejects.toThrow("EROFS: read-only file system, open '/b'");
  await expect(view.rename('/a', '/b')).rejects.toThrow("EROFS: read-only file system, rename '/a' -> '/b'");
  expect(() => view.writeSync(fd, FOUR, 0)).toThrow(/^EROFS: read-only file system, write$/);
  await view.close(await view.open('/a', 'r', 0));
  await view.close(fd);
  disk.weather = { latencyMillis: 0, failing: { code: 'EIO', calls: ['readFile'] } };
  await expect(view.readFile('/a')).rejects.toThrow("EIO: i/o error, open '/a'");
  expect(await view.readdir('/')).toEqual(['a']);
});

test('a disk that becomes full takes what there is room for, and has room again when a file is gone', async () => {
  const { disk, view } = setUp({ latencyMillis: 0, freeBytes: 10 });
  const fd = view.openSync('/a', 'wx', MODE);
  expect(await view.writev(fd, [FOUR, FOUR], 0)).toBe(8);
  expect(await view.writev(fd, [FOUR], 8)).toBe(2);
  await expect(view.writev(fd, [FOUR], 10)).rejects.toThrow('ENOSPC: no space left on device, write');
  expect(await view.writev(fd, [FOUR], 4)).toBe(4);
  expect(() => view.openSync('/b', 'wx', MODE)).toThrow("ENOSPC: no space left on device, open '/b'");
  expect(() => view.mkdirSync('/b', MODE)).toThrow('ENOSPC');
  view.unlinkSync('/a');
  expect(() => view.openSync('/b', 'wx', MODE)).toThrow('ENOSPC');
  view.closeSync(fd);
  expect(disk.usedBytes).toBe(0);
  view.closeSync(view.openSync('/b', 'wx', MODE));
});

test('short reads and writes do less than they were asked to, and never nothing', async () => {
  const { view } = setUp({ latencyMillis: 0, shortShare: 1 });
  const fd = view.openSync('/a', 'wx+', MODE);
  expect(await view.writev(fd, [FOUR], 0)).toBe(2);
  expect(view.writeSync(fd, FOUR, 0)).toBe(2);
  expect(await view.read(fd, Buffer.alloc(2), 0)).toBe(1);
  expect(view.writeSync(fd, FOUR.subarray(1, 2), 0)).toBe(1);
});

test("file descriptors are each process's own, and the lowest number that is free", () => {
  const { disk, view } = setUp();
  const other = disk.view('two');
  const [first, second] = [view.openSync('/a', 'wx', MODE), view.openSync('/b', 'wx', MODE)];
  expect(second).toBe(first + 1);
  view.closeSync(first);
  expect(view.openSync('/b', 'r', 0)).toBe(first);
  expect(() => other.writeSync(second, FOUR, 0)).toThrow('EBADF: bad file descriptor, write');
  expect(disk.misuses).toEqual(['two: write of a file that is not open']);
});

test('a file that is closed while it is written to is recorded as a misuse', async () => {
  const clock = new ManualClock(0);
  clock.chance = 0.6;
  const { disk, view } = setUp({}, clock);
  const fd = view.openSync('/a', 'wx', MODE);
  void view.writev(fd, [FOUR], 0).catch(() => {});
  view.closeSync(fd);
  expect(disk.misuses).toEqual(['one: close of /a during a write']);
});

test('the writes of a process that is killed are on the disk in whole, in part or not at all', async () => {
  const lengths = new Set<number>();
  for (let seed = 0; seed < 50; seed++) {
    const { clock, disk, view } = setUp({}, new SeededClock(seed));
    const written = watch(view.writev(view.openSync('/a', 'wx', MODE), [FOUR, FOUR], 0));
    disk.kill('one');
    await clock.advance(1_000);
    expect(written).toEqual({ result: undefined, code: undefined });
    expect('abcdabcd').toContain(content(disk, '/a'));
    lengths.add(content(disk, '/a')?.length ?? -1);
  }
  expect(lengths).toContain(0);
  expect(lengths).toContain(8);
  expect(lengths.size).toBeGreaterThan(4);
});

test('a write that a kill cuts ends where the test says', () => {
  const clock = new ManualClock(0);
  clock.chance = 0.6;
  for (const [share, left] of [
    [0, ''],
    [0.5, 'ab'],
    [1, 'abcd'],
  ] as const) {
    const { disk, view } = setUp({}, clock);
    void view.writev(view.openSync('/a', 'wx', MODE), [FOUR], 0);
    disk.kill('one', share);
    expect(content(disk, '/a')).toBe(left);
  }
});

test('the calls of a process after its death have no effect and no answer', async () => {
  const { clock, disk, view } = setUp();
  const fd = view.openSync('/a', 'wx', MODE);
  disk.kill('one');
  const calls = [view.mkdir('/b', MODE), view.writev(fd, [FOUR], 0), view.unlink('/a')].map((call) =>
    watch<unknown>(call),
  );
  expect(() => view.unlinkSync('/a')).toThrow('EIO');
  await clock.advance(10_000);
  expect(calls).toEqual(calls.map(() => ({ result: undefined, code: undefined })));
  expect([...disk.files.keys()]).toEqual(['/a']);
  expect([view.openFiles, view.callsUnderWay]).toEqual([0, 0]);
});

test('a process that stands still learns what became of its calls when it goes on', async () => {
  const seen = new Set<string | undefined>();
  for (let seed = 0; seed < 20; seed++) {
    const { clock, disk, view } = setUp({}, new SeededClock(seed));
    const written = watch(view.writev(view.openSync('/a', 'wx', MODE), [FOUR], 0));
    disk.freeze('one');
    await clock.advance(60_000);
    expect(written.result).toBeUndefined();
    // The disk had it, or it had not got there.
    seen.add(content(disk, '/a'));
    disk.thaw('one');
    await clock.settle();
    expect(written.result).toBe(4);
    expect(content(disk, '/a')).toBe('abcd');
  }
  expect(seen).toEqual(new Set(['', 'abcd']));
});

test('another process on the same directory sees what the first one did', async () => {
  const { disk, view } = setUp({ latencyMillis: 0 });
  const other = disk.view('two');
  const fd = view.openSync('/a', 'wx', MODE);
  view.writeSync(fd, FOUR, 0);
  expect(() => other.openSync('/a', 'wx', MODE)).toThrow('EEXIST');
  await other.rename('/a', '/b');
  view.writeSync(fd, FOUR, 4);
  expect((await other.readFile('/b')).toString()).toBe('abcdabcd');
});

test('a loss of power takes what was not synced: all of it, a part or nothing', () => {
  const seen = new Set<string | undefined>();
  for (let seed = 0; seed < 200; seed++) {
    const { disk, view } = setUp({}, new SeededClock(seed));
    const fd = view.openSync('/a', 'wx', MODE);
    view.writeSync(fd, FOUR, 0);
    view.datasyncSync(fd);
    view.syncDirectorySync('/');
    view.writeSync(fd, Buffer.from('XY'), 1);
    view.writeSync(fd, Buffer.from('ef'), 4);
    disk.loseWatts();
    expect(content(disk, '/a')).toMatch(/^a(bc|Xc|XY)d(ef?|e?\0|\0\0)?$/);
    seen.add(content(disk, '/a'));
    expect(disk.usedBytes).toBe(content(disk, '/a')?.length);
  }
  expect(seen).toContain('abcd');
  expect(seen).toContain('aXYdef');
  expect(seen).toContain('abcdef');
  expect(seen).toContain('abcd\0\0');
});

test('a loss of power takes the last changes of names, and leaves those before as they were', () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const { disk, view } = setUp({}, new SeededClock(seed));
    view.mkdirSync('/new', 0o700);
    const fd = view.openSync('/new/a', 'wx', MODE);
    view.writeSync(fd, FOUR, 0);
    view.datasyncSync(fd);
    view.renameSync('/new', '/partition');
    view.syncDirectorySync('/');
    view.openSync('/partition/b', 'wx', MODE);
    view.renameSync('/partition/b', '/partition/a');
    view.unlinkSync('/partition/a');
    view.rmdirSync('/partition');
    disk.loseWatts();
    const { files } = disk;
    seen.add(`${[...files.keys()]} ${files.get('/partition/a')}`);
    expect([...files.keys()].every((path) => path.startsWith('/partition/'))).toBe(true);
    expect(disk.usedBytes).toBe(files.get('/partition/a')?.length ?? 0);
  }
  expect(seen).toEqual(
    new Set(['/partition/a abcd', '/partition/a,/partition/b abcd', '/partition/a ', ' undefined']),
  );
});

test('data that was written half a minute ago is not lost with the power', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const { clock, disk, view } = setUp({}, new SeededClock(seed));
    view.writeSync(view.openSync('/a', 'wx', MODE), FOUR, 0);
    await clock.advance(30_001);
    disk.loseWatts();
    expect(content(disk, '/a')).toBe('abcd');
  }
});

test('two runs of the simulated disk with the same seed are the same', async () => {
  const [one, other] = await Promise.all(
    [7, 7].map(async (seed) => {
      const { clock, disk, view } = setUp({ shortShare: 0.5 }, new SeededClock(seed));
      const ends: number[] = [];
      for (let file = 0; file < 20; file++) {
        const opening = view.open(`/${file}`, 'wx', MODE);
        await clock.advance(1);
        const fd = await opening;
        for (let at = 0; at < 5; at++) {
          void view.writev(fd, [FOUR], 4 * at).then((bytes) => ends.push(clock.now(), bytes));
        }
        await clock.advance(0.1);
      }
      disk.loseWatts();
      return { ends, files: [...disk.files] };
    }),
  );
  expect(one).toEqual(other);
});
