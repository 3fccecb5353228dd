/** The gate for users: the packed package, installed beside each SDK generation, imported, required and type-checked. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { conclude, pack, type RunResult, root, run, runOrThrow, withTemporaryDirectory } from './tools.ts';

interface Generation {
  name: string;
  /** Exact versions: what a range resolves to depends on the day and on the Node that runs npm. */
  dependencies: Record<string, string>;
}

const generations: Generation[] = [
  {
    name: '3.x',
    dependencies: { '@opentelemetry/api': '1.10.0', '@opentelemetry/sdk-logs': '3.1.1' },
  },
  {
    name: '0.2xx',
    dependencies: {
      '@opentelemetry/api': '1.9.1',
      '@opentelemetry/api-logs': '0.223.1',
      '@opentelemetry/sdk-logs': '0.223.1',
    },
  },
  {
    name: 'oldest peers',
    dependencies: {
      '@opentelemetry/api': '1.9.0',
      '@opentelemetry/api-logs': '0.220.0',
      '@opentelemetry/sdk-logs': '0.220.0',
    },
  },
];

const problems: string[] = [];

function report(what: string, { status, output }: RunResult): void {
  console.log(`${what}: ${status === 0 ? 'ok' : 'failed'}`);
  if (status === 0) return;
  console.log(output.trimEnd());
  problems.push(`${what}: ${status}`);
}

async function readManifest(path: string): Promise<{ version: string; engines: { node: string } }> {
  return JSON.parse(await readFile(join(root, path, 'package.json'), 'utf8'));
}

async function install(directory: string, dependencies: Record<string, string>): Promise<void> {
  await writeFile(join(directory, 'package.json'), JSON.stringify({ private: true, dependencies }));
  await runOrThrow('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: directory });
}

/** The lowest Node the manifest promises, from the package npm has of it; undefined where there is none. */
async function installOldestNode(directory: string): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined;
  const version = (await readManifest('.')).engines.node.replace('>=', '');
  const name = `node-${process.platform}-${process.arch}`;
  await install(directory, { [name]: version });
  return join(directory, 'node_modules', name, 'bin/node');
}

/** A process that exits with records in its spool, and the command that is installed with the package. */
async function checkCommand(generation: Generation, directory: string, runtime: string): Promise<void> {
  const version = (await runOrThrow(runtime, ['--version'])).stdout.trim();
  const spool = `spool-${version}`;
  report(
    `${generation.name}, spooling.mjs on Node ${version}`,
    await run(runtime, ['spooling.mjs', spool], { cwd: directory }),
  );
  const command = join('node_modules', '.bin', 'otel-spillway');
  const list = await run(runtime, [command, 'spool', 'list', spool, '--json'], { cwd: directory });
  report(`${generation.name}, the command on Node ${version}`, list);
  if (list.status === 0 && JSON.parse(list.stdout).total.records !== 100) {
    problems.push(`${generation.name}, the command on Node ${version}: ${list.output}`);
  }
}

async function checkTypes(generation: Generation, directory: string): Promise<void> {
  const source = await readFile(join(root, 'test/package/consumer-types.ts'));
  const files = ['consumer-types.mts', 'consumer-types.cts'];
  for (const file of files) await writeFile(join(directory, file), source);
  const compilerOptions = {
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    module: 'NodeNext',
    target: 'ES2023',
    lib: ['ES2023'],
    types: ['node'],
  };
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  report(`${generation.name}, types`, await run('tsc', ['--project', '.'], { cwd: directory }));

  // With skipLibCheck a name our declarations import and this generation lacks is `any` without a word.
  const checked = await run('tsc', ['--project', '.', '--skipLibCheck', 'false'], { cwd: directory });
  const ours = checked.output.split('\n').filter((line) => line.includes('node_modules/otel-spillway/'));
  for (const line of ours) console.log(line);
  if (ours.length > 0) problems.push(`${generation.name}: declarations that do not resolve`);
}

await withTemporaryDirectory(async (packDirectory) => {
  const { tarball } = await pack(packDirectory);
  const typesVersion = (await readManifest('node_modules/@types/node')).version;
  await withTemporaryDirectory(async (nodeDirectory) => {
    const oldestNode = await installOldestNode(nodeDirectory);
    const runtimes = [process.execPath, ...(oldestNode === undefined ? [] : [oldestNode])];
    for (const generation of generations) {
      await withTemporaryDirectory(async (directory) => {
        await install(directory, {
          ...generation.dependencies,
          'otel-spillway': `file:${tarball}`,
          '@types/node': typesVersion,
        });
        await cp(join(root, 'test/package'), directory, { recursive: true });
        for (const runtime of runtimes) {
          const version = (await runOrThrow(runtime, ['--version'])).stdout.trim();
          for (const consumer of ['consumer.mjs', 'consumer.cjs']) {
            // Nothing here ends the process: a timer the processor left running would show as a time-out.
            const result = await run(runtime, [consumer], { cwd: directory, timeoutMillis: 30_000 });
            report(`${generation.name}, ${consumer} on Node ${version}`, result);
          }
          for (const flag of ['--import', '--require']) {
            // Its own words would be in the output as well.
            const args = [flag, 'otel-spillway/register', '--print', '6 * 7'];
            const result = await run(runtime, args, { cwd: directory, timeoutMillis: 30_000 });
            const status = result.output === '42\n' ? result.status : `not silent (${result.status})`;
            report(`${generation.name}, ${flag} register on Node ${version}`, { ...result, status });
          }
          await checkCommand(generation, directory, runtime);
        }
        await checkTypes(generation, directory);
      });
    }
  });
});
conclude(problems, 'consumers: every generation, module system and compiler is served');
