/** What `service.mjs` has to do on every platform: how it is started and ended, and what must have arrived by then. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { request as post } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { TestCollector } from '../../src/testing/index.ts';

/** As in `service.mjs`. */
const RECORDS = 1_000;
const LIMIT_MILLIS = 60_000;

/** A runtime, or a runtime with a bundle. */
export interface Platform {
  readonly name: string;
  readonly command: string;
  /** What comes before the name of the scenario: the flags of the runtime, and the script. */
  readonly service: readonly string[];
  /** The same for the command line of the package, where that is to be tried. */
  readonly commandLine?: readonly string[];
}

interface Ended {
  readonly status: number | string | null;
  readonly stdout: string;
  readonly output: string;
}

/** What a scenario is given. */
interface Stage {
  readonly collector: TestCollector;
  /** For a spool. */
  readonly directory: string;
  /** Runs the service to its end. @param onReady called when it says that it is ready. */
  service(scenario: string, onReady?: (child: ChildProcess) => void, env?: NodeJS.ProcessEnv): Promise<Ended>;
  /** Undefined where the platform has none. */
  readonly commandLine: ((...args: string[]) => Promise<Ended>) | undefined;
}

const kill = (signal: NodeJS.Signals) => (child: ChildProcess) => void child.kill(signal);

/** Whether the process had the status, and each record arrived, once. */
function expectDelivered(
  { collector }: Stage,
  { status, output }: Ended,
  expected: number | string = 0,
): void {
  assert.equal(status, expected, output);
  expectArrivals(collector);
}

function expectArrivals(collector: TestCollector): void {
  const ids = collector.ids;
  const missing = Array.from({ length: RECORDS }, (_, id) => String(id)).filter((id) => ids.get(id) !== 1);
  assert.deepEqual(missing, [], 'records that did not arrive once');
  assert.equal(ids.size, RECORDS);
}

/** The collector is away while a process ends with a spool, and another finds what it left. */
async function leaveAndFind(stage: Stage, leave: () => Promise<Ended>): Promise<Ended> {
  await stage.collector.become('dead');
  const left = await leave();
  assert.equal(stage.collector.account().records, 0);
  await stage.collector.become('well');
  expectDelivered(stage, await stage.service('deliver what is found'));
  return left;
}

export const scenarios: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  'a service delivers its records and ends': async (stage) =>
    expectDelivered(stage, await stage.service('deliver')),

  'a service delivers compressed requests': async (stage) => {
    const ended = await stage.service('deliver', undefined, { OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' });
    expectDelivered(stage, ended);
    assert.deepEqual(Object.keys(stage.collector.account().encodings), ['application/x-protobuf, gzip']);
  },

  'a service delivers over TLS to a server with a private certificate': async (stage) => {
    const fixtures = join(import.meta.dirname, '../fixtures/tls');
    const [cert, key] = await Promise.all(
      ['server.pem', 'server-key.pem'].map((file) => readFile(join(fixtures, file))),
    );
    // TLS ends here, as it does at an ingress; behind it is the collector.
    const front = createServer({ cert, key }, (request, response) => {
      const { method, url = '', headers } = request;
      const to = { host: '127.0.0.1', port: stage.collector.port, method, path: url, headers };
      const onward = post(to, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onward);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => front.once('listening', resolve));
    const ended = await stage.service('deliver', undefined, {
      OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${(front.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_CERTIFICATE: join(fixtures, 'server.pem'),
    });
    front.close();
    front.closeAllConnections();
    expectDelivered(stage, ended);
  },

  'a service sends refused and cut-off requests again': async (stage) => {
    await stage.collector.script(
      { kind: 'status', status: 503 },
      { kind: 'status', status: 429, retryAfterSeconds: 0 },
      { kind: 'reset', at: 'before-response' },
    );
    expectDelivered(stage, await stage.service('deliver'));
  },

  'a service rides out an outage': async (stage) => {
    await stage.collector.become('dead');
    const ended = await stage.service('wait for the collector', () => void stage.collector.become('well'));
    expectDelivered(stage, ended);
  },

  'a service keeps its deadline when nobody listens': async (stage) => {
    await stage.collector.become('dead');
    const { status, output } = await stage.service('give up at the deadline');
    assert.equal(status, 0, output);
  },

  'a service that ends by itself sends what is left': async (stage) =>
    expectDelivered(stage, await stage.service('end by itself')),

  'a service that gets SIGTERM sends what is left and ends by it': async (stage) =>
    expectDelivered(stage, await stage.service('end by a signal', kill('SIGTERM')), 'SIGTERM'),

  'a service that calls process.exit() leaves the rest on disk': async (stage) => {
    const left = await leaveAndFind(stage, () => stage.service('exit with a spool'));
    assert.equal(left.status, 3, left.output);
  },

  'a service that crashes leaves the rest on disk': async (stage) => {
    const left = await leaveAndFind(stage, () => stage.service('crash with a spool'));
    assert.notEqual(left.status, 0);
    assert.match(left.output, /meant to be/);
  },

  'a service that is killed has on disk what it wrote': async (stage) => {
    const left = await leaveAndFind(stage, () => stage.service('be killed with a spool', kill('SIGKILL')));
    assert.equal(left.status, 'SIGKILL', left.output);
  },

  'the command lists and replays a spool': async (stage) => {
    const { collector, commandLine, directory } = stage;
    if (commandLine === undefined) return;
    await collector.become('dead');
    await stage.service('exit with a spool');
    const list = await commandLine('spool', 'list', directory, '--json');
    assert.equal(list.status, 0, list.output);
    assert.equal(JSON.parse(list.stdout).total.records, RECORDS);
    await collector.become('well');
    expectDelivered(stage, await commandLine('spool', 'replay', directory));
  },
};

/** @returns why it failed, or undefined. */
export async function play(
  platform: Platform,
  scenario: string,
  directory: string,
): Promise<string | undefined> {
  const run = scenarios[scenario];
  if (run === undefined) return 'there is no such scenario';
  const collector = await TestCollector.start({ keep: 'ids', identity: 'body' });
  const base = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, NO_COLOR: '1' };
  const start = (
    args: readonly string[],
    onReady?: (child: ChildProcess) => void,
    env?: NodeJS.ProcessEnv,
  ): Promise<Ended> => ended(platform.command, args, { ...base, ...env }, onReady);
  const { commandLine } = platform;
  try {
    const spool = await mkdtemp(join(directory, 'spool-'));
    await run({
      collector,
      directory: spool,
      service: (name, onReady, env) => start([...platform.service, name, spool], onReady, env),
      commandLine: commandLine && ((...args) => start([...commandLine, ...args])),
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await collector.stop();
  }
}

function ended(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onReady: (child: ChildProcess) => void = () => {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let output = '';
    let isReady = false;
    const limit = setTimeout(() => {
      output += `no end within ${LIMIT_MILLIS} ms`;
      child.kill('SIGKILL');
    }, LIMIT_MILLIS);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
      if (isReady || !stdout.includes('ready\n')) return;
      isReady = true;
      onReady(child);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', (error) => {
      output += error.message;
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ status: signal ?? code, stdout, output });
    });
  });
}
