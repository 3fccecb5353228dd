/** The simulated disk answers as a real directory does, whatever is asked of it. */

import fs from 'node:fs';
import { join, sep } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SimulatedDisk } from '../../simulation/disk/simulated-disk.ts';
import { nodeFiles, type SpoolFiles } from '../../src/spool/format/file-system.ts';
import type { OpenFlags } from '../../src/spool/format/open-file.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { runs } from '../support/property-runs.ts';
import { temporaryDirectory } from '../support/spooled-harness.ts';

/** One call. Files are those that were opened before, by their order; the last is one that is not open. */
type Step =
  | { readonly do: 'mkdir' | 'chmod'; readonly path: string; readonly mode: number }
  | { readonly do: PathCall; readonly path: string }
  | { readonly do: 'rename'; readonly path: string; readonly to: string }
  | { readonly do: 'open'; readonly path: string; readonly flags: OpenFlags; readonly mode: number }
  | { readonly do: 'close' | 'datasync'; readonly file: number }
  | {
      readonly do: 'read' | 'write';
      readonly file: number;
      readonly bytes: number;
      readonly position: number;
    };
type PathCall = 'readdir' | 'stat' | 'readFile' | 'unlink' | 'rmdir' | 'syncDirectory' | 'access';

const NOT_OPEN = 1_000_000;
const MAX_BYTES = 10_000;
const anyPath = fc.constantFrom('', 'a', 'b', 'a/a', 'a/b', 'b/a', 'b/b', 'a/a/a', 'b/a/b', 'c/a');
const anyFile = fc.nat(5);
const anyPlace = { file: anyFile, bytes: fc.nat(40), position: fc.oneof(fc.nat(30), fc.nat(2_000)) };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('mkdir' as const), path: anyPath, mode: fc.constant(0o700) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      path: anyPath,
      flags: fc.constantFrom<OpenFlags>('r', 'r+', 'wx', 'wx+'),
      mode: fc.constantFrom(0o600, 0o700),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('rename' as const), path: anyPath, to: anyPath }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom<PathCall>(
        'readdir',
        'stat',
        'readFile',
        'unlink',
        'rmdir',
        'syncDirectory',
        'access',
      ),
      path: anyPath,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('chmod' as const),
      path: anyPath,
      mode: fc.constantFrom(0o700, 0o755),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('close' as const, 'datasync' as const), file: anyFile }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constantFrom('read' as const, 'write' as const), ...anyPlace }),
  },
);

/** One of the two disks, and what is open on it. */
class Side {
  readonly #files: SpoolFiles;
  readonly #root: string;
  readonly #open: number[] = [];

  constructor(files: SpoolFiles, root: string) {
    this.#files = files;
    this.#root = root;
  }

  /** What the call said, or what it failed with. */
  async take(step: Step, isSync: boolean): Promise<unknown> {
    try {
      return await (isSync ? this.#callSync(step) : this.#call(step));
    } catch (error) {
      const { code, errno, syscall, path, dest, message } = error as NodeJS.ErrnoException & {
        dest?: string;
      };
      // There are no links on the simulated disk, so that it has one call for both.
      const [call, text] = [syscall, message].map((words) => words?.replace(/\blstat\b/, 'stat'));
      return { code, errno, syscall: call, path, dest, message: text };
    }
  }

  async end(): Promise<void> {
    for (const fd of this.#open) await this.#files.close(fd);
  }

  async look(path: string): Promise<unknown[]> {
    const found: unknown[] = [];
    for (const name of await this.#files.readdir(path)) {
      const below = `${path}${sep}${name}`;
      const stat = await this.#files.stat(below);
      if (stat.isDirectory()) found.push(name, stat.mode, await this.look(below));
      else
        found.push(
          name,
          stat.mode,
          stat.size,
          (await this.#files.readFile(below, MAX_BYTES)).toString('latin1'),
        );
    }
    return found;
  }

  #path(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`;
  }

  #fd(file: number): number {
    return this.#open[file] ?? NOT_OPEN;
  }

  async #call(step: Step): Promise<unknown> {
    const files = this.#files;
    switch (step.do) {
      case 'mkdir':
        return (await files.mkdir(this.#path(step.path), step.mode)) ?? 'made';
      case 'open':
        this.#open.push(await files.open(this.#path(step.path), step.flags, step.mode));
        return 'opened';
      case 'rename':
        return await files.rename(this.#path(step.path), this.#path(step.to));
      case 'stat': {
        const stat = await files.stat(this.#path(step.path));
        return { mode: stat.mode, ...(!stat.isDirectory() && { size: stat.size }) };
      }
      case 'readFile':
        return (await files.readFile(this.#path(step.path), MAX_BYTES)).toString('latin1');
      case 'readdir':
      case 'unlink':
      case 'rmdir':
      case 'syncDirectory':
        return await files[step.do](this.#path(step.path));
      case 'close': {
        const fd = this.#fd(step.file);
        this.#open.splice(step.file, 1);
        return await files.close(fd);
      }
      case 'datasync':
        return await files.datasync(this.#fd(step.file));
      case 'read': {
        const buffer = Buffer.alloc(step.bytes);
        const bytes = await files.read(this.#fd(step.file), buffer, step.position);
        return { bytes, data: buffer.toString('latin1') };
      }
      case 'write':
        return await files.writev(this.#fd(step.file), halves(step.bytes), step.position);
      default:
        return this.#callSync(step);
    }
  }

  #callSync(step: Step): unknown {
    const files = this.#files;
    switch (step.do) {
      case 'mkdir':
      case 'chmod':
        return files[`${step.do}Sync`](this.#path(step.path), step.mode);
      case 'open':
        this.#open.push(files.openSync(this.#path(step.path), step.flags, step.mode));
        return 'opened';
      case 'rename':
        return files.renameSync(this.#path(step.path), this.#path(step.to));
      case 'stat': {
        const stat = files.statSync(this.#path(step.path));
        return { mode: stat.mode, uid: stat.uid, isDirectory: stat.isDirectory() };
      }
      case 'unlink':
      case 'rmdir':
      case 'syncDirectory':
      case 'access':
        return files[`${step.do}Sync`](this.#path(step.path));
      case 'close': {
        const fd = this.#fd(step.file);
        this.#open.splice(step.file, 1);
        return files.closeSync(fd);
      }
      case 'datasync':
        return files.datasyncSync(this.#fd(step.file));
      case 'write':
        return files.writeSync(this.#fd(step.file), Buffer.concat(halves(step.bytes)), step.position);
      default:
        return this.#call(step);
    }
  }
}

/** So many bytes that differ from each other, in two buffers. */
function halves(bytes: number): Buffer[] {
  const all = Buffer.from(Array.from({ length: bytes }, (_, index) => 33 + ((bytes + index) % 90)));
  return [all.subarray(0, bytes >> 1), all.subarray(bytes >> 1)];
}

let directories = 0;

async function expectSame(steps: readonly (readonly [Step, boolean])[], parent: string): Promise<void> {
  // The root itself can be renamed and removed like any other.
  const above = join(parent, String(directories++));
  const root = join(above, 'root');
  fs.mkdirSync(root, { recursive: true, mode: 0o700 });
  const disk = new SimulatedDisk(new ManualClock(), { latencyMillis: 0, syncMillis: 0 });
  const view = disk.view('one');
  let path = '';
  for (const name of root.split(sep).slice(1)) {
    path += sep + name;
    view.mkdirSync(path, 0o700);
  }
  const real = new Side(nodeFiles, root);
  const simulated = new Side(view, root);
  for (const [step, isSync] of steps) {
    const expected = await real.take(step, isSync);
    expect(await simulated.take(step, isSync), JSON.stringify({ ...step, isSync })).toEqual(expected);
  }
  expect(await simulated.look(above)).toEqual(await real.look(above));
  await real.end();
  await simulated.end();
  expect(view.openFiles).toBe(0);
  expect(disk.usedBytes).toBe(sizeOf(fs.readdirSync(above, { recursive: true, withFileTypes: true })));
  fs.rmSync(above, { recursive: true });
}

function sizeOf(entries: readonly fs.Dirent[]): number {
  return entries
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + fs.statSync(join(parentPath, name)).size, 0);
}

/** So that most names that are asked for are there. */
const FIRST_STEPS: readonly (readonly [Step, boolean])[] = [
  [{ do: 'mkdir', path: 'a', mode: 0o700 }, true],
  [{ do: 'mkdir', path: 'b', mode: 0o700 }, true],
  [{ do: 'open', path: 'a/a', flags: 'wx+', mode: 0o600 }, true],
  [{ do: 'open', path: 'b/b', flags: 'wx+', mode: 0o600 }, true],
];

/** What no random sequence can be relied on to find, each with what it is about. */
const SCRIPTS: Readonly<Record<string, readonly Step[]>> = {
  'a file that is unlinked can be written and read while it is open': [
    { do: 'open', path: 'a', flags: 'wx+', mode: 0o600 },
    { do: 'write', file: 0, bytes: 10, position: 0 },
    { do: 'unlink', path: 'a' },
    { do: 'write', file: 0, bytes: 10, position: 10 },
    { do: 'read', file: 0, bytes: 30, position: 5 },
    { do: 'readFile', path: 'a' },
    { do: 'datasync', file: 0 },
    { do: 'close', file: 0 },
  ],
  'a file that another is renamed over goes on as it was for whoever has it open': [
    { do: 'open', path: 'a', flags: 'wx+', mode: 0o600 },
    { do: 'write', file: 0, bytes: 10, position: 0 },
    { do: 'open', path: 'b', flags: 'wx', mode: 0o700 },
    { do: 'write', file: 1, bytes: 20, position: 0 },
    { do: 'rename', path: 'b', to: 'a' },
    { do: 'read', file: 0, bytes: 30, position: 0 },
    { do: 'readFile', path: 'a' },
    { do: 'write', file: 1, bytes: 5, position: 20 },
    { do: 'readFile', path: 'a' },
    { do: 'stat', path: 'a' },
  ],
  'a write of nothing does not make a file larger': [
    { do: 'open', path: 'a', flags: 'wx', mode: 0o600 },
    { do: 'write', file: 0, bytes: 0, position: 10 },
    { do: 'stat', path: 'a' },
  ],
  'between the end of a file and a write behind it there are zeros': [
    { do: 'open', path: 'a', flags: 'wx', mode: 0o600 },
    { do: 'write', file: 0, bytes: 4, position: 0 },
    { do: 'write', file: 0, bytes: 4, position: 1_000 },
    { do: 'readFile', path: 'a' },
    { do: 'open', path: 'a', flags: 'r+', mode: 0o600 },
    { do: 'write', file: 1, bytes: 4, position: 900 },
    { do: 'readFile', path: 'a' },
  ],
  'a directory can be renamed over an empty one only, and never into itself': [
    { do: 'mkdir', path: 'a', mode: 0o700 },
    { do: 'mkdir', path: 'a/a', mode: 0o700 },
    { do: 'mkdir', path: 'b', mode: 0o700 },
    { do: 'rename', path: 'a', to: 'a/a/a' },
    { do: 'rename', path: 'a/a', to: 'a' },
    { do: 'rename', path: 'b', to: 'a' },
    { do: 'rename', path: 'a', to: 'b' },
    { do: 'rename', path: 'b', to: 'b' },
    { do: 'readdir', path: 'b' },
    { do: 'open', path: 'a', flags: 'wx', mode: 0o600 },
    { do: 'rename', path: 'b', to: 'a' },
    { do: 'rename', path: 'a', to: 'b' },
    { do: 'rename', path: 'a', to: 'b/a/a' },
  ],
  'a path through a file is no path': [
    { do: 'open', path: 'a', flags: 'wx', mode: 0o600 },
    ...(['readdir', 'stat', 'readFile', 'unlink', 'rmdir', 'syncDirectory', 'access'] as const).map(
      (call) => ({ do: call, path: 'a/a' }),
    ),
    { do: 'mkdir', path: 'a/a', mode: 0o700 },
    { do: 'chmod', path: 'a/a', mode: 0o700 },
    { do: 'rename', path: 'a/a', to: 'b' },
    { do: 'rename', path: 'a', to: 'a/a' },
    { do: 'readdir', path: 'a' },
    { do: 'rmdir', path: 'a' },
  ],
  'a directory is no file': [
    { do: 'mkdir', path: 'a', mode: 0o700 },
    { do: 'unlink', path: 'a' },
    { do: 'readFile', path: 'a' },
    { do: 'open', path: 'a', flags: 'r+', mode: 0o600 },
    { do: 'open', path: 'a', flags: 'wx', mode: 0o600 },
    { do: 'open', path: 'a', flags: 'r', mode: 0o600 },
    { do: 'read', file: 0, bytes: 1, position: 0 },
    { do: 'write', file: 0, bytes: 2, position: 0 },
    { do: 'datasync', file: 0 },
  ],
};

test.for(Object.entries(SCRIPTS))('%s, as on a real disk', async ([, steps]) => {
  const parent = temporaryDirectory();
  for (const isSync of [false, true]) {
    await expectSame(
      steps.map((step) => [step, isSync] as const),
      parent,
    );
  }
});

test('any calls in any order give the answers and the errors of a real disk', async () => {
  const parent = temporaryDirectory();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(anyStep, fc.boolean()), { maxLength: 60 }), (steps) =>
      expectSame([...FIRST_STEPS, ...steps], parent),
    ),
    runs(40),
  );
});
