/**
 * The gate for examples and pages: each folder of `examples/`, and each program that a page shows, runs against the
 * packed package with the dependencies it names, and what it logs arrives. What pages show parts of is type-checked. Words given as arguments choose.
 */
import { globSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FRAGMENT_PACKAGES, writeFragments } from './examples/support/fragments.ts';
import { programsOf } from './examples/support/pages.ts';
import { type Check, play } from './examples/support/play.ts';
import { readManifest, type Workspace, withWorkspace } from './examples/support/workspace.ts';
import { conclude, root, run } from './tools.ts';

const pages = ['README.md', ...globSync('docs/*.md', { cwd: root }).sort()];
/** Most of the time of an example is a process that starts. */
const CONCURRENT = 2;

interface Trial {
  readonly name: string;
  readonly directory: string;
  run(): Promise<string | undefined>;
}

const wanted = process.argv.slice(2);
const isWanted = (name: string) => wanted.length === 0 || wanted.some((word) => name.includes(word));
const problems: string[] = [];

/** As somebody who has copied this one folder would have it. */
async function folder(path: string, workspace: Workspace): Promise<Trial> {
  const name = basename(path);
  const directory = join(workspace.directory, name);
  await cp(path, directory, { recursive: true, filter: (file) => basename(file) !== 'node_modules' });
  const { scripts, ...manifest } = await readManifest(directory);
  const dependencies = { ...manifest.dependencies, ...manifest.devDependencies };
  for (const [dependency, range] of Object.entries(dependencies)) {
    const tested = workspace.ranges[dependency];
    if (range !== tested)
      problems.push(`examples/${name}: ${dependency} is ${range}, and ${tested} is tested`);
  }
  await workspace.link(directory, Object.keys(dependencies));
  const [node, ...args] = scripts.start?.split(' ') ?? [];
  if (node !== 'node') problems.push(`examples/${name}: "start" is not a command line of node`);
  const { check } = (await import(join(root, 'scripts/examples', `${name}.ts`))) as { check: Check };
  return { name: `examples/${name}`, directory, run: () => play(directory, args, check) };
}

async function programs(page: string, workspace: Workspace): Promise<Trial[]> {
  const found = programsOf(await readFile(join(root, page), 'utf8'));
  const trials: Trial[] = [];
  for (const { heading, files, dependencies, args, env, check } of found) {
    const directory = join(workspace.directory, `${basename(page, '.md')}-${trials.length + 1}`);
    await mkdir(directory);
    for (const [name, code] of files) await writeFile(join(directory, name), code);
    await workspace.link(directory, dependencies);
    // The endpoint is the collector's, whatever the page names.
    const withItsOwn: Check = (start, collector) =>
      check(
        (more, other) => start({ ...env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...more }, other),
        collector,
      );
    trials.push({ name: `${page}: ${heading}`, directory, run: () => play(directory, args, withItsOwn) });
  }
  return trials;
}

/** @returns how many. */
async function fragments(workspace: Workspace): Promise<number> {
  const directory = join(workspace.directory, 'fragments');
  const texts = new Map<string, string>();
  for (const page of pages) if (isWanted(page)) texts.set(page, await readFile(join(root, page), 'utf8'));
  await workspace.link(directory, FRAGMENT_PACKAGES);
  return writeFragments(directory, texts);
}

/** JavaScript, checked as an editor would. */
async function checkTypes(directories: readonly string[], workspace: Workspace): Promise<void> {
  const compilerOptions = {
    allowJs: true,
    checkJs: true,
    strict: true,
    // Parameters of JavaScript have no types to be written.
    noImplicitAny: false,
    skipLibCheck: true,
    noEmit: true,
    module: 'NodeNext',
    target: 'ES2023',
    lib: ['ES2023'],
    types: ['node'],
  };
  const include = directories.map((directory) => `${basename(directory)}/*`);
  await writeFile(join(workspace.directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, include }));
  const { status, output } = await run('tsc', ['--project', '.'], { cwd: workspace.directory });
  if (status !== 0) problems.push(`types:\n${output}`);
}

let tried = 0;
let parts = 0;
await withWorkspace(async (workspace) => {
  const folders = globSync('examples/*/README.md', { cwd: root }).sort();
  const all: Trial[] = [];
  for (const path of folders) all.push(await folder(join(root, dirname(path)), workspace));
  for (const page of pages) all.push(...(await programs(page, workspace)));
  const trials = all.filter(({ name }) => isWanted(name));
  const waiting = trials.values();
  const worker = async (): Promise<void> => {
    for (const { name, run: runTrial } of waiting) {
      const start = performance.now();
      const problem = await runTrial();
      tried++;
      const millis = Math.round(performance.now() - start);
      console.log(`${name}: ${problem === undefined ? 'ok' : 'failed'} in ${millis} ms`);
      if (problem !== undefined) problems.push(`${name}: ${problem.trimEnd()}`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, worker));
  parts = await fragments(workspace);
  const directories = trials.map(({ directory }) => directory);
  await checkTypes([...directories, join(workspace.directory, 'fragments')], workspace);
});
if (tried + parts === 0) problems.push('nothing was tried');
conclude(
  problems,
  `examples: ${tried} ran, and what they log arrives; ${parts} parts of programs have sound types`,
);
