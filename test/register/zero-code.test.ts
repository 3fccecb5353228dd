/** Applications that know nothing of OpenTelemetry, started with `register`: real processes in front of a real collector. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { TestCollector } from '../../src/testing/index.ts';
import { childEnv, measuredEnv } from '../support/child-coverage.ts';

const root = join(import.meta.dirname, '../..');
const apps = join(import.meta.dirname, 'apps');
const REGISTER = join(root, 'src/register.ts');

async function collector() {
  const started = await TestCollector.start({ identity: 'body' });
  onTestFinished(() => started.stop());
  return started;
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

interface Ended {
  readonly how: number | string | null;
  readonly printed: string;
  /** Warnings, and what `diag` prints. */
  readonly said: readonly string[];
}

/** A message of the application is answered with SIGTERM. Not several concurrently: the first has to compile what the others share. */
async function run(args: readonly string[], env: Record<string, string>, cwd = apps): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    cwd,
    env: {
      ...(args.includes('signal') ? childEnv() : measuredEnv()),
      OTEL_NODE_RESOURCE_DETECTORS: 'env',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    timeout: 25_000,
    killSignal: 'SIGKILL',
  });
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.on('data', (chunk: Buffer) => {
      texts[stream] += chunk;
    });
  }
  child.on('message', () => child.kill('SIGTERM'));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  const said = texts.stderr.split('\n').filter((line) => line.includes('otel-spillway'));
  return { how: signal ?? code, printed: texts.stdout, said };
}

const owed = (name: string) => Array.from({ length: 100 }, (_, index) => `${name} ${index}`);
const bodies = (records: readonly { body: unknown }[]) => records.map(({ body }) => body);

test('what an ES module logs with pino arrives when the process ends by itself, with the resource of the environment', async () => {
  const { url, records } = await collector();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_SERVICE_NAME: 'shop',
    OTEL_RESOURCE_ATTRIBUTES: 'team=red',
  };
  const { how, said } = await run(['--import', REGISTER, 'pino.mjs', 'natural', 'first'], env);
  expect({ how, said }).toEqual({ how: 0, said: [] });
  expect(bodies(records)).toEqual(owed('first'));
  expect(records[0]).toMatchObject({
    resource: { 'service.name': 'shop', team: 'red' },
    scope: { name: '@opentelemetry/instrumentation-pino' },
    severityText: 'info',
  });
});

test('what a CommonJS module logs with pino arrives on SIGTERM, by which the process then ends', async () => {
  const { url, records } = await collector();
  const args = ['--require', REGISTER, 'pino.cjs', 'signal', 'first'];
  const { how } = await run(args, { OTEL_EXPORTER_OTLP_ENDPOINT: url });
  expect(how).toBe('SIGTERM');
  expect(bodies(records)).toEqual(owed('first'));
});

test('what is logged with winston before process.exit() waits in the spool that a variable names', async () => {
  const { url, records } = await collector();
  const spool = join(await temporaryDirectory(), 'spool');
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SPILLWAY_SPOOL_DIRECTORY: spool };
  await run(['--require', REGISTER, 'winston.cjs', 'exit', 'first'], env);
  await run(['--import', REGISTER, 'winston.mjs', 'natural', 'second'], env);
  expect(new Set(bodies(records))).toEqual(new Set([...owed('first'), ...owed('second')]));
  expect(records).toHaveLength(200);
});

test('an application that closes by itself after a signal can log until its end', async () => {
  const { url, records } = await collector();
  const { how } = await run(['--require', REGISTER, 'closing.cjs'], { OTEL_EXPORTER_OTLP_ENDPOINT: url });
  expect(how).toBe(0);
  expect(bodies(records)).toEqual(['working', 'closing', 'closed']);
});

test('With an SDK of the 0.2xx releases its logs API has the provider', async () => {
  const { url, records } = await collector();
  const directory = await temporaryDirectory();
  const modules = join(directory, 'node_modules/@opentelemetry');
  await mkdir(modules, { recursive: true });
  await symlink(join(root, 'node_modules/sdk-logs-0.2xx'), join(modules, 'sdk-logs'));
  await symlink(join(root, 'node_modules/@opentelemetry/api-logs'), join(modules, 'api-logs'));
  await symlink(join(apps, 'older-api.cjs'), join(directory, 'app.cjs'));
  const args = ['--preserve-symlinks-main', '--require', REGISTER, 'app.cjs'];
  const { how, said } = await run(args, { OTEL_EXPORTER_OTLP_ENDPOINT: url }, directory);
  expect({ how, said }).toEqual({ how: 0, said: [] });
  expect(records).toMatchObject([{ body: 'emitted', resource: { 'telemetry.sdk.version': '2.12.1' } }]);
});

test('Wrong values are warned of once and ignored, also where it is registered twice', async () => {
  const { url, records } = await collector();
  const wrong = {
    OTEL_SPILLWAY_MAX_QUEUE_BYTES: 'lots',
    OTEL_SPILLWAY_OVERFLOW: 'drop',
    OTEL_SPILLWAY_BREAKER: 'maybe',
    OTEL_SPILLWAY_SPOOL_DIRECTORY: '/dev/null/spool',
    OTEL_SPILLWAY_MEMORY_LIMIT_HARD_RATIO: '0.1',
    OTEL_SPILLWAY_EXPORTER_MAX_REQUEST_BYTES: '1',
    OTEL_SPILLWAY_SIGNALS: 'SIGKILL',
    OTEL_SPILLWAY_QUEUE: '1',
    OTEL_BLRP_MAX_QUEUE_SIZE: 'abc',
    OTEL_SDK_DISABLED: 'perhaps',
    OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: '-2',
    OTEL_NODE_RESOURCE_DETECTORS: 'env,gpu',
  };
  const args = ['--require', REGISTER, '--import', REGISTER, 'pino.cjs', 'natural', 'first'];
  const { how, said } = await run(args, { OTEL_EXPORTER_OTLP_ENDPOINT: url, ...wrong });
  expect(how).toBe(0);
  for (const name of Object.keys(wrong))
    expect(said.filter((line) => line.includes(`${name} `))).toHaveLength(1);
  expect(said).toHaveLength(Object.keys(wrong).length);
  expect(bodies(records)).toEqual(owed('first'));
});

test.skipIf(process.platform === 'win32')(
  'a spool on a disk that cannot be written to is warned of at the start, and the logs arrive',
  async () => {
    const { url, records } = await collector();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SPILLWAY_SPOOL_DIRECTORY: '/proc/spool' };
    const { how, said } = await run(['--require', REGISTER, 'pino.cjs', 'natural', 'first'], env);
    expect({ how, said }).toEqual({
      how: 0,
      said: [
        expect.stringMatching(/register: the spool cannot be written to \(E\w+: .*\): records are kept/),
      ],
    });
    expect(bodies(records)).toEqual(owed('first'));
  },
);

test('On a Node that is too old it prints one sentence, and the application runs', async () => {
  const pretend = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } })`;
  const args = ['--import', pretend, '--import', REGISTER, '--print', '6 * 7'];
  const { how, printed, said } = await run(args, {});
  expect({ how, printed }).toEqual({ how: 0, printed: '42\n' });
  expect(said).toEqual([
    'otel-spillway: needs Node 22.15 or newer, and this is 20.20.2: otel-spillway/register does nothing',
  ]);
});
