/** Programs of others that real runs need: built from Go modules, or taken out of a Debian package. Neither is installed. */

import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run, withTemporaryDirectory } from './tools.ts';

const UNREACHABLE = 'the Go modules cannot be reached';
const MAX_LOOKUP_MILLIS = 60_000;
const MAX_BUILD_MILLIS = 1_800_000;
const MAX_DOWNLOAD_MILLIS = 120_000;

/** What it takes to have it is not there, in words. */
export interface Missing {
  readonly missing: string;
}

export type Program = { readonly path: string; readonly version: string } | Missing;

/** Outside the repository, because installing removes `node_modules` and a first build takes minutes. */
function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'otel-spillway');
}

export interface GoBuild {
  /** As the cache names it. */
  readonly name: string;
  readonly version: string;
  /** Of all that it is built of, beside the version. */
  readonly key: string;
  /** A module that is looked up first, to see whether there are any. */
  readonly module: string;
  /** Runs in an empty directory; the first command that fails ends it. */
  readonly commands: readonly (readonly [command: string, ...args: string[]])[];
  /** Called before, with that directory. */
  prepare?(directory: string): Promise<void>;
  /** What comes of it, in that directory. */
  readonly output: string;
}

/** Rejects when the tools are there and the build fails. */
export async function builtFromModules(build: GoBuild, say: (text: string) => void): Promise<Program> {
  const { name, version, key, module, commands, prepare, output } = build;
  const path = join(cacheDirectory(), `${name}-${version}-${key}`);
  if (existsSync(path)) return { path, version };
  if ((await run('go', ['version'])).status !== 0) return { missing: 'no Go' };
  const found = await run('go', ['list', '-m', `${module}@v${version}`], {
    timeoutMillis: MAX_LOOKUP_MILLIS,
  });
  if (found.status !== 0) return { missing: UNREACHABLE };

  say(`builds ${name} ${version} from Go modules, which takes minutes, once`);
  return withTemporaryDirectory(async (directory) => {
    await prepare?.(directory);
    for (const [command, ...args] of commands) {
      const ran = await run(command, args, { cwd: directory, timeoutMillis: MAX_BUILD_MILLIS });
      if (ran.status === 0) continue;
      if (/requires go >= |toolchain not available/.test(ran.output)) return { missing: 'Go is too old' };
      if (/no such host|i\/o timeout|connection refused/.test(ran.output)) return { missing: UNREACHABLE };
      throw new Error(`${name} cannot be built: ${ran.status}\n${ran.output}`);
    }
    await mkdir(cacheDirectory(), { recursive: true });
    // Never half of one, also when two of these run.
    const copy = `${path}.${process.pid}`;
    await copyFile(join(directory, output), copy);
    await rename(copy, path);
    return { path, version };
  });
}

/** @returns the directory with the package's files, as `usr/bin` and so on. What it depends on has to be there. */
export async function debianPackage(name: string): Promise<Program> {
  const parent = join(cacheDirectory(), 'debian');
  const prefix = `${name}_`;
  const kept = async () =>
    (await readdir(parent).catch(() => [])).find(
      (entry) => entry.startsWith(prefix) && !entry.endsWith('.part'),
    );
  const known = await kept();
  if (known !== undefined) return unpacked(parent, known);
  if ((await run('apt-get', ['--version'])).status !== 0) return { missing: 'no apt-get' };
  return withTemporaryDirectory(async (directory) => {
    const options = { cwd: directory, timeoutMillis: MAX_DOWNLOAD_MILLIS };
    const download = () => run('apt-get', ['download', name], options);
    // A machine that is new has no list of packages yet.
    if ((await download()).status !== 0) {
      await run('apt-get', ['update'], options);
      const again = await download();
      if (again.status !== 0) return { missing: `no Debian package ${name}` };
    }
    const file = (await readdir(directory)).find((entry) => entry.endsWith('.deb'));
    if (file === undefined) return { missing: `no Debian package ${name}` };
    await mkdir(parent, { recursive: true });
    const target = file.replace(/\.deb$/, '');
    const part = join(parent, `${target}.${process.pid}.part`);
    const extracted = await run('dpkg-deb', ['--extract', join(directory, file), part]);
    if (extracted.status !== 0) return { missing: `the Debian package ${name} cannot be unpacked` };
    // Another process may have been faster.
    await rename(part, join(parent, target)).catch(() => rm(part, { recursive: true, force: true }));
    return unpacked(parent, target);
  });
}

/** `name_version_architecture`; an epoch's colon is written as `%3a`. */
function unpacked(parent: string, entry: string): Program {
  const [, version = ''] = entry.split('_');
  return { path: join(parent, entry), version: version.replace(/^\d+%3a/, '').replace(/[+-].*/, '') };
}
