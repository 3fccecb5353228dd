/** `spool replay`: what dead processes left arrives, and what living ones hold is left to them. */

import { readdirSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listCommand } from '../../src/cli/commands/list.ts';
import { replayCommand } from '../../src/cli/commands/replay.ts';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from '../../src/index.ts';
import type { TestCollector } from '../../src/testing/index.ts';
import { CliRun, runHere, spool } from '../support/cli-run.ts';
import { startSink } from '../support/http-sink.ts';
import { abandonedSpool, killedProcess } from '../support/left-spool.ts';
import { collectorWith } from '../support/otlp-pipeline.ts';
import { record } from '../support/records.ts';
import { numbers, temporaryDirectory } from '../support/spooled-harness.ts';
import { until } from '../support/until.ts';

/** A port at which nobody listens. */
const NOWHERE = 'http://127.0.0.1:1';

const once = (end: number): Map<string, number> =>
  new Map(numbers(0, end).map((number) => [String(number), 1]));

const sorted = (ids: ReadonlyMap<string, number>): Map<string, number> =>
  new Map([...ids].sort(([a], [b]) => Number(a) - Number(b)));

/** A spool, and a place that answers so to all that it gets. */
async function nowhereForLogs(status: number) {
  const collector = await collectorWith({ reply: { kind: 'status', status, message: 'no logs here' } });
  return { collector, directory: await abandonedSpool() };
}

async function expectSentNothing(collector: TestCollector, directory: string): Promise<void> {
  expect(collector.account().requests).toBe(1);
  const { stdout } = await runHere(listCommand, directory, '--json');
  expect(JSON.parse(stdout).total.records).toBe(30);
}

describe('replay', () => {
  test('`replay` delivers every record once, with the headers it is given, and empties the directory', async () => {
    const collector = await collectorWith();
    const directory = await abandonedSpool({ records: 2_000 });
    const end = await spool('replay', directory, '--endpoint', collector.url, '--header', 'x-tenant=night');
    expect(end.stdout).toMatch(/^2,000 records sent in [\d.]+ s, [\d,]+ per second\n$/);
    expect(end.stderr).toMatch(/^[\d,]+ records sent, [\d,]+ left, [\d,]+ per second$/m);
    expect(end.code).toBe(0);
    expect(sorted(collector.ids)).toEqual(once(2_000));
    expect(readdirSync(directory)).toEqual([]);
  });

  test('`replay` waits until the lease of a killed process has run out, and says so', async () => {
    const collector = await collectorWith();
    const { directory } = await killedProcess();
    const { code, stderr } = await spool('replay', directory, '--endpoint', collector.logsUrl);
    expect(stderr).toMatch(
      new RegExp(
        `^otel-spillway: partition-\\w+, 30 records: waiting up to 1 s to see whether pid ${process.pid} on .* lives$`,
        'm',
      ),
    );
    expect(code).toBe(0);
    expect(sorted(collector.ids)).toEqual(once(30));
    expect(readdirSync(directory)).toEqual([]);
  });

  test('`replay` leaves to a living process what it holds, says which, and delivers the rest', async () => {
    const collector = await collectorWith();
    const killed = await killedProcess({ records: 10 });
    const alive = new SpillwayLogRecordProcessor({
      exporter: new SpillwayOtlpLogExporter({ url: `${NOWHERE}/v1/logs` }),
      // It must not be the one that takes over.
      spool: { directory: killed.directory, mode: 'always', leaseMillis: 2_000 },
      scheduledDelayMillis: 0,
    });
    onTestFinished(() => alive.shutdown({ strategy: 'immediate' }));
    for (let number = 0; number < 7; number++) alive.onEmit(record({ body: `mine ${number}` }));
    await alive.forceFlush({ timeoutMillis: 1_000 });
    const { code, stderr, stdout } = await spool('replay', killed.directory, '--endpoint', collector.url);
    expect(stderr).toMatch(
      /^otel-spillway: held by living processes, which will send it: partition-\w+ \(pid \d+ on /m,
    );
    expect(code).toBe(3);
    const total = alive.stats().recovered + Number(/^(\d+) record/.exec(stdout)?.[1]);
    expect(total).toBe(10);
    expect([...collector.ids.keys()].filter((id) => id.startsWith('mine'))).toEqual([]);
  });

  test('`replay` gives up on an endpoint that does not answer, and nothing is lost', async () => {
    const directory = await abandonedSpool();
    const { code, stderr } = await spool('replay', directory, '--endpoint', NOWHERE, '--timeout', '1');
    expect(stderr).toMatch(
      /^otel-spillway: the endpoint took nothing for 1 s, .* stays in the spool: .*ECONNREFUSED/m,
    );
    expect(code).toBe(4);
    const { stdout } = await runHere(listCommand, directory);
    expect(stdout).toMatch(/^partition-\w+ {2}free\n {2}30 records, 3 batches, /);
  });

  test('`replay` sends nothing to an endpoint that answers 404 to a request without records', async () => {
    const { collector, directory } = await nowhereForLogs(404);
    const { code, stderr } = await spool('replay', directory, '--endpoint', collector.url);
    expect(stderr).toMatch(/^otel-spillway: the endpoint takes no logs, and was sent none: .*no logs here/m);
    expect(code).toBe(4);
    await expectSentNothing(collector, directory);
  });

  test.each([405, 422])(
    '`replay` sends nothing to an endpoint that answers %i to a request without records',
    async (status) => {
      const { collector, directory } = await nowhereForLogs(status);
      await expect(runHere(replayCommand, directory, '--endpoint', collector.url)).rejects.toMatchObject({
        message: expect.stringMatching(/^the endpoint takes no logs, and was sent none: .*no logs here/),
        exitCode: 4,
      });
      await expectSentNothing(collector, directory);
    },
  );

  test.each<[string, string, string]>([
    ['a page', 'text/html', '<html><title>Welcome</title></html>'],
    ['a text', 'text/plain', 'ok'],
    ['an error', 'application/json', '{"error":"no logs here"}'],
  ])('`replay` sends nothing to an endpoint that answers %s with status 200', async (_, type, body) => {
    const sink = await startSink();
    sink.answer = (response) => void response.setHeader('content-type', type).end(body);
    const directory = await abandonedSpool();
    const { code, stderr } = await spool('replay', directory, '--endpoint', sink.origin);
    expect(stderr).toContain(
      `the endpoint takes no logs, and was sent none: HTTP 200 OK from ${sink.origin}/v1/logs`,
    );
    expect(stderr).toContain(`(no answer of OTLP, ${type})`);
    expect(code).toBe(4);
    expect(sink.requests).toHaveLength(1);
    const { stdout } = await runHere(listCommand, directory, '--json');
    expect(JSON.parse(stdout).total.records).toBe(30);
  });

  test('`replay` deletes nothing that is answered by a page, although the first answer was that of a collector', async () => {
    const sink = await startSink();
    sink.answer = (response) => {
      response.end();
      sink.answer = (next) => void next.setHeader('content-type', 'text/html').end('<html>');
    };
    const directory = await abandonedSpool();
    const { code, stderr } = await spool('replay', directory, '--endpoint', sink.origin, '--timeout', '1');
    expect(stderr).toMatch(/the endpoint took nothing for 1 s, .* stays in the spool: .*no answer of OTLP/);
    expect(code).toBe(4);
    const { stdout } = await runHere(listCommand, directory, '--json');
    expect(JSON.parse(stdout).total.records).toBe(30);
  });

  test.each([413, 422])(
    '`replay` stops early when the endpoint refuses all it gets for good, with %i',
    async (status) => {
      const collector = await collectorWith({ reply: { kind: 'status', status, message: 'no logs here' } });
      await collector.script({ kind: 'accept' });
      const directory = await abandonedSpool({ records: 5_000 });
      const { code, stderr } = await spool('replay', directory, '--endpoint', collector.url);
      expect(stderr).toMatch(
        /^otel-spillway: the endpoint takes nothing, and refused [\d,]+ records? for good: .*no logs here/m,
      );
      expect(code).toBe(4);
      const { stdout } = await runHere(listCommand, directory, '--json');
      expect(JSON.parse(stdout).total.records).toBeGreaterThan(0);
    },
  );

  test('`replay` says how many records the endpoint refused for good when it took others', async () => {
    const collector = await collectorWith();
    await collector.script({ kind: 'accept' }, { kind: 'accept' }, { kind: 'partial', rejected: 4 });
    const directory = await abandonedSpool();
    const { code, stderr } = await spool('replay', directory, '--endpoint', collector.url);
    expect(stderr).toMatch(/^otel-spillway: the endpoint refused 4 records for good$/m);
    expect(code).toBe(1);
  });

  test('`replay` ends on Ctrl-C, and the next one delivers what is left', async () => {
    const collector = await collectorWith({ latencyMillis: 50 });
    const directory = await abandonedSpool({ records: 1_000 });
    const run = new CliRun(['spool', 'replay', directory, '--endpoint', collector.url, '--share', '0.07']);
    await until(() => run.stderr.includes(' left, '), 'progress');
    run.kill('SIGINT');
    const { signal, stderr, stdout } = await run.end;
    expect(stderr).toMatch(/^otel-spillway: interrupted: what is left goes on being in the spool$/m);
    expect(stdout).toMatch(/records? sent in .*; [\d,]+ records left$/m);
    expect(signal).toBe('SIGINT');
    expect(collector.ids.size).toBeLessThan(1_000);
    await collector.become('well');
    expect(await spool('replay', directory, '--endpoint', collector.url)).toMatchObject({ code: 0 });
    expect([...sorted(collector.ids).keys()]).toEqual([...once(1_000).keys()]);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('`replay` has nothing to do for a spool in which nothing is left', async () => {
    const { code, stdout } = await runHere(replayCommand, temporaryDirectory(), '--endpoint', NOWHERE);
    expect(stdout).toMatch(/^0 records sent /);
    expect(code).toBe(0);
  });
});
