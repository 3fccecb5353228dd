/**
 * The gate for `otel-spillway/register`: the packed package, beside each SDK generation, in front of applications that
 * know nothing of it, in processes that end in every way. Words given as arguments choose.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { TestCollector } from '../src/testing/index.ts';
import { conclude, pack, root, run, runOrThrow, withTemporaryDirectory } from './tools.ts';

const source = join(root, 'test/register');
const REGISTER = 'otel-spillway/register';
const AUTO = '@opentelemetry/auto-instrumentations-node/register';
const RECORDS = 100;
/** Nobody else's telemetry is of interest here. */
const QUIET = {
  OTEL_TRACES_EXPORTER: 'none',
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_NODE_RESOURCE_DETECTORS: 'env',
};

type End = 'natural' | 'signal' | 'exit';

interface Scenario {
  readonly name: string;
  readonly flags: readonly string[];
  readonly app: string;
  readonly end: End;
  readonly env?: Record<string, string>;
  /** How often each record arrives; by default once. */
  readonly times?: number;
  /** What the process says, beside the application's own lines. By default nothing. */
  readonly says?: RegExp;
}

const both = (flag: string, first: string, second: string) => [flag, first, flag, second];

const scenarios: Scenario[] = [
  ...['pino', 'winston', 'bunyan'].flatMap((logger) =>
    ['mjs', 'cjs'].flatMap((kind) =>
      (['natural', 'signal', 'exit'] as const).map((end) => ({
        name: `${logger}.${kind}, ${end}`,
        // Both flags serve both kinds of modules.
        flags: [(kind === 'mjs') === (end !== 'natural') ? '--import' : '--require', REGISTER],
        app: `${logger}.${kind}`,
        end,
      })),
    ),
  ),
  ...['pino', 'winston', 'bunyan'].flatMap((logger) =>
    ['mjs', 'cjs'].map((kind) => ({
      name: `${logger}.${kind}, before auto-instrumentations`,
      flags: both('--import', REGISTER, AUTO),
      app: `${logger}.${kind}`,
      end: 'natural' as const,
    })),
  ),
  {
    name: 'pino.cjs, after auto-instrumentations, which keep the logs',
    flags: both('--require', AUTO, REGISTER),
    app: 'pino.cjs',
    end: 'natural',
    says: /another LoggerProvider is registered already.*OTEL_SPILLWAY_LOGS_EXPORTER=otlp/,
  },
  {
    name: 'pino.mjs, after auto-instrumentations that were told to leave the logs',
    flags: both('--import', AUTO, REGISTER),
    app: 'pino.mjs',
    end: 'natural',
    env: { OTEL_LOGS_EXPORTER: 'none', OTEL_SPILLWAY_LOGS_EXPORTER: 'otlp' },
  },
  {
    name: 'pino.mjs, both by NODE_OPTIONS',
    flags: [],
    app: 'pino.mjs',
    end: 'natural',
    env: { NODE_OPTIONS: `--import ${REGISTER} --import ${AUTO}` },
  },
  {
    name: 'pino.mjs, both in a file',
    flags: ['--import', './both.mjs'],
    app: 'pino.mjs',
    end: 'natural',
  },
  {
    name: 'pino.cjs, both in a file',
    flags: ['--import', './both.mjs'],
    app: 'pino.cjs',
    end: 'natural',
  },
  {
    name: 'pino.mjs, before an SDK of its own',
    flags: both('--import', REGISTER, './own-sdk.mjs'),
    app: 'pino.mjs',
    end: 'natural',
  },
  {
    name: 'pino.mjs, with the loader of the instrumentations',
    flags: [
      '--no-warnings',
      '--experimental-loader=@opentelemetry/instrumentation/hook.mjs',
      '--import',
      REGISTER,
    ],
    app: 'pino.mjs',
    end: 'natural',
  },
  {
    name: 'winston.cjs, twice',
    flags: ['--require', REGISTER, '--import', REGISTER],
    app: 'winston.cjs',
    end: 'natural',
  },
];

const problems: string[] = [];
let tried = 0;

const wanted = process.argv.slice(2);
const isWanted = (name: string) => wanted.length === 0 || wanted.some((word) => name.includes(word));

/** Hundreds of packages: only when the lock has changed. None of their install scripts is needed. */
async function install(directory: string): Promise<void> {
  const timeOf = (path: string) =>
    stat(join(directory, path)).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    );
  if ((await timeOf('node_modules/.package-lock.json')) > (await timeOf('package-lock.json'))) return;
  await runOrThrow('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: directory,
    timeoutMillis: 480_000,
  });
}

interface Ended {
  readonly how: number | string | null;
  /** What comes from warnings and `diag`: the applications print to standard output. */
  readonly said: string;
}

async function runApp(args: readonly string[], cwd: string, env: Record<string, string>): Promise<Ended> {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...inherited, ...QUIET, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  child.on('message', () => child.kill('SIGTERM'));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { how: signal ?? code, said };
}

async function play(scenario: Scenario, directory: string): Promise<string | undefined> {
  const { flags, app, end, says, times = 1 } = scenario;
  const collector = await TestCollector.start({ keep: 'ids', identity: 'body' });
  const spool = join(directory, 'spool');
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    ...(end === 'exit' && { OTEL_SPILLWAY_SPOOL_DIRECTORY: spool }),
    ...scenario.env,
  };
  try {
    const ended = await runApp([...flags, app, end, 'first'], directory, env);
    const expected = end === 'signal' ? 'SIGTERM' : 0;
    if (ended.how !== expected) return `it ended with ${ended.how}\n${ended.said}`;
    if (says === undefined ? ended.said !== '' : !says.test(ended.said)) return `it said: ${ended.said}`;
    // What is on disk after process.exit() is the next one's to send.
    if (end === 'exit') await runApp([...flags, app, 'natural', 'second'], directory, env);
    const names = end === 'exit' ? ['first', 'second'] : ['first'];
    const owed = names.flatMap((name) => Array.from({ length: RECORDS }, (_, index) => `${name} ${index}`));
    const wrong = owed.filter((id) => collector.ids.get(id) !== times);
    if (wrong.length === 0 && collector.ids.size === owed.length) return undefined;
    const counts = wrong.slice(0, 3).map((id) => `${id}: ${collector.ids.get(id) ?? 0} times`);
    return `${wrong.length} of ${owed.length} did not arrive as they should: ${counts.join(', ')}\n${ended.said}`;
  } finally {
    await rm(spool, { recursive: true, force: true });
    await collector.stop();
  }
}

function report(name: string, problem: string | undefined): void {
  tried++;
  console.log(`${name}: ${problem === undefined ? 'ok' : 'failed'}`);
  if (problem === undefined) return;
  console.log(problem.trimEnd());
  problems.push(name);
}

/** Text that Node itself evaluates, whatever is preloaded. */
async function evaluate(flag: string, cwd: string, says?: RegExp): Promise<string | undefined> {
  const args = [flag, REGISTER, '--print', '6 * 7'];
  const { status, stdout, output } = await run(process.execPath, args, { cwd });
  const saysSo = says === undefined ? output === stdout : says.test(output);
  return status === 0 && stdout === '42\n' && saysSo ? undefined : `${status}\n${output}`;
}

await withTemporaryDirectory(async (packDirectory) => {
  const { tarball } = await pack(packDirectory);
  await withTemporaryDirectory(async (directory) => {
    const own = join(directory, 'node_modules/otel-spillway');
    await mkdir(own, { recursive: true });
    await runOrThrow('tar', ['-xzf', tarball, '--strip-components=1', '-C', own]);
    for (const flag of ['--import', '--require']) {
      const name = `alone: ${flag} says what to install, and the application runs`;
      if (isWanted(name))
        report(name, await evaluate(flag, directory, /npm install @opentelemetry\/sdk-logs/));
    }
  });
  for (const generation of ['3.x', '0.2xx']) {
    await install(join(source, generation));
    await withTemporaryDirectory(async (directory) => {
      const modules = join(source, generation, 'node_modules');
      const own = join(modules, 'otel-spillway');
      await rm(own, { recursive: true, force: true });
      await mkdir(own);
      await runOrThrow('tar', ['-xzf', tarball, '--strip-components=1', '-C', own]);
      await symlink(modules, join(directory, 'node_modules'));
      await cp(join(source, 'apps'), directory, { recursive: true });
      for (const scenario of scenarios) {
        const name = `${generation}: ${scenario.name}`;
        if (!isWanted(name)) continue;
        report(name, await play(scenario, directory));
      }
      for (const flag of ['--import', '--require']) {
        const name = `${generation}: ${flag}, text from the command line`;
        if (isWanted(name)) report(name, await evaluate(flag, directory));
      }
    });
  }
});
if (tried === 0) problems.push('nothing was tried');
conclude(problems, `register: ${tried} applications run, and every record of theirs arrives`);
