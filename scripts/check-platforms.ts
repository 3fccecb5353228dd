/**
 * The gate for where the package runs: the packed package on each Node, on Bun, on Deno and through each bundler, playing
 * the scenarios of `test/platforms`. What cannot be tried on this machine is counted. Words given as arguments choose.
 */
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Platform, play, scenarios } from '../test/platforms/scenarios.ts';
import { conclude, pack, root, run, runOrThrow, withTemporaryDirectory } from './tools.ts';

const source = join(root, 'test/platforms');
const installed = join(source, 'node_modules');
const results = join(root, 'node_modules/.cache/platforms.json');

/** Bundles share what concerns the runtime with it: what a bundler can break is whether a part is there at all. */
const BUNDLE_SCENARIOS = [
  'a service delivers its records and ends',
  'a service delivers compressed requests',
  'a service delivers over TLS to a server with a private certificate',
  'a service that ends by itself sends what is left',
  'a service that calls process.exit() leaves the rest on disk',
];

interface Runtime {
  readonly name: string;
  readonly version: string;
  readonly command: string;
  /** What comes before the script. */
  readonly flags: readonly string[];
}

const problems: string[] = [];
const skipped: string[] = [];
let tried = 0;

function report(what: string, problem: string | undefined): void {
  tried++;
  console.log(`${what}: ${problem === undefined ? 'ok' : 'failed'}`);
  if (problem === undefined) return;
  console.log(problem.trimEnd());
  problems.push(what);
}

const wanted = process.argv.slice(2).map((word) => word.toLowerCase());
const isWanted = (name: string) =>
  wanted.length === 0 || wanted.some((word) => name.toLowerCase().includes(word));

/** Hundreds of megabytes of runtimes: only when the lock has changed. None of their install scripts is needed. */
async function install(): Promise<void> {
  const [lock, done] = await Promise.all(
    [join(source, 'package-lock.json'), join(installed, '.package-lock.json')].map((path) =>
      stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  if ((done ?? 0) > (lock ?? 0)) return;
  await runOrThrow('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: source,
    timeoutMillis: 480_000,
  });
}

/** A file of a package that has one for each operating system and processor; undefined where this has none. */
async function executable(scope: string, prefix: string, file: string): Promise<string | undefined> {
  const names = await readdir(join(installed, scope)).catch(() => []);
  const name = names.find((candidate) => candidate.startsWith(prefix));
  if (name === undefined) return undefined;
  const path = join(installed, scope, name, file);
  // What the install scripts would have done.
  return chmod(path, 0o755).then(
    () => path,
    () => undefined,
  );
}

async function runtimeAt(
  name: string,
  command: string | undefined,
  flags: readonly string[] = [],
): Promise<Runtime | undefined> {
  if (!isWanted(name)) return undefined;
  const version = command && (await run(command, ['--version'])).stdout.match(/\d+\.\d+\.\d+/)?.[0];
  if (command !== undefined && version) return { name, version, command, flags };
  skipped.push(name);
  return undefined;
}

const isThere = (runtime: Runtime | undefined): runtime is Runtime => runtime !== undefined;

async function playAll(platform: Platform, names: readonly string[], directory: string): Promise<void> {
  for (const name of names) report(`${platform.name}: ${name}`, await play(platform, name, directory));
}

/** The packed package, and what it stands on, where nothing else can be found. */
async function layOut(directory: string): Promise<void> {
  const { tarball } = await pack(directory);
  const modules = join(directory, 'node_modules');
  await mkdir(join(modules, 'otel-spillway'), { recursive: true });
  await promisify(execFile)('tar', [
    '-xzf',
    tarball,
    '--strip-components=1',
    '-C',
    join(modules, 'otel-spillway'),
  ]);
  await cp(join(installed, '@opentelemetry'), join(modules, '@opentelemetry'), { recursive: true });
  for (const file of ['service.mjs', 'service.cjs', 'too-old.mjs'])
    await cp(join(source, file), join(directory, file));
  await writeFile(join(directory, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
}

/** @param out a directory from which no module can be found: a bundle that left one out fails. */
async function tryBundles(directory: string, out: string): Promise<void> {
  const { stdout } = await runOrThrow(process.execPath, [
    join(source, 'bundle.mjs'),
    join(directory, 'service.mjs'),
    out,
  ]);
  for (const line of stdout.trim().split('\n')) {
    const { name, file } = JSON.parse(line) as { name: string; file: string };
    const platform: Platform = { name, command: process.execPath, service: [file] };
    if (isWanted(name)) await playAll(platform, BUNDLE_SCENARIOS, out);
  }
}

await install();
const oldNodes = [
  await runtimeAt('Node 18', await executable('', 'node-18', 'bin/node')),
  await runtimeAt('Node 20', await executable('', 'node-20', 'bin/node')),
];
const runtimes = [
  await runtimeAt('Node 22', await executable('', 'node-22', 'bin/node')),
  await runtimeAt('Node 24', process.execPath),
  await runtimeAt('Node 26', await executable('', 'node-26', 'bin/node')),
  await runtimeAt('Bun', await executable('@oven', 'bun-', 'bin/bun')),
  await runtimeAt('Deno', await executable('@deno', '', 'deno'), ['run', '--allow-all']),
];

await withTemporaryDirectory(async (directory) => {
  await layOut(directory);
  for (const { name, version, command } of oldNodes.filter(isThere)) {
    const { status, output } = await run(command, [join(directory, 'too-old.mjs')], { cwd: directory });
    report(
      `${name} (${version}): is too old, and is told so`,
      status === 0 ? undefined : `${status}\n${output}`,
    );
    for (const flag of ['--import', '--require']) {
      const preloaded = await run(command, [flag, 'otel-spillway/register', '--print', '6 * 7'], {
        cwd: directory,
      });
      const isTold = /needs Node 22\.15 or newer, and this is \S+: otel-spillway\/register does nothing\n/;
      const holds = preloaded.status === 0 && preloaded.stdout === '42\n' && isTold.test(preloaded.output);
      report(
        `${name} (${version}): ${flag} register says so and does nothing`,
        holds ? undefined : `${preloaded.status}\n${preloaded.output}`,
      );
    }
  }
  for (const { name, version, command, flags } of runtimes.filter(isThere)) {
    const platform: Platform = {
      name: `${name} (${version})`,
      command,
      service: [...flags, join(directory, 'service.mjs')],
      commandLine: [...flags, join(directory, 'node_modules/otel-spillway/dist/cli.mjs')],
    };
    await playAll(platform, Object.keys(scenarios), directory);
    await playAll(
      { name: `${platform.name}, CommonJS`, command, service: [...flags, join(directory, 'service.cjs')] },
      ['a service delivers its records and ends'],
      directory,
    );
  }
  const bundlers = ['esbuild', 'webpack', 'vite'];
  if (wanted.length === 0 || wanted.some((word) => bundlers.some((name) => word.includes(name)))) {
    await withTemporaryDirectory((out) => tryBundles(directory, out));
  }
});

if (tried === 0) problems.push('nothing was tried');
await mkdir(join(results, '..'), { recursive: true });
await writeFile(results, JSON.stringify({ tried, skipped }));
console.log(`skipped: ${skipped.length}${skipped.length > 0 ? ` (${skipped.join(', ')})` : ''}`);
conclude(problems, `platforms: ${tried} scenarios hold`);
