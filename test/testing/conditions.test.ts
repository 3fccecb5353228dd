/** What a test collector can become, what it says of what it has received, and how it is waited for. */

import { readdirSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { type Condition, TestCollector, type TestCollectorOptions } from '../../src/testing/index.ts';
import { Limits } from '../../src/testing/limits.ts';
import { temporaryDirectory } from '../support/spooled-harness.ts';

async function start(options: TestCollectorOptions = {}): Promise<TestCollector> {
  const collector = await TestCollector.start(options);
  onTestFinished(() => collector.stop());
  return collector;
}

/** A request of numbered records; resolves with the status, or rejects as `fetch` does. */
async function send(collector: TestCollector, numbers: readonly number[], signal?: AbortSignal) {
  const logRecords = numbers.map((number) => ({
    timeUnixNano: String(number),
    body: { stringValue: 'order stored' },
    attributes: [{ key: 'n', value: { intValue: number } }],
  }));
  const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(collector.logsUrl, { method: 'POST', headers, body, signal: signal ?? null });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

test.each<[Condition, number]>([
  [503, 503],
  [{ kind: 'status', status: 429, retryAfterSeconds: 1 }, 429],
  [{ maxRecords: 1 }, 413],
  [{ maxBodyBytes: 10, tooLargeStatus: 400 }, 400],
  [{ memory: { bytes: 10, drainBytesPerSecond: 0 } }, 503],
])(
  'a collector that has become %j answers a request of two records with %i until it is well again',
  async (condition, status) => {
    const collector = await start({ condition });
    expect((await send(collector, [1, 2])).status).toBe(status);
    expect(collector.account()).toMatchObject({ records: 0, refused: 2, answers: { [status]: 1 } });
    await collector.become('well');
    expect((await send(collector, [1, 2])).status).toBe(200);
    expect(collector.account()).toMatchObject({ records: 2, refused: 2 });
  },
);

test('a collector forgets what it was when it becomes something else', async () => {
  const collector = await start({ condition: { maxRecords: 1 } });
  await collector.become({ maxBodyBytes: 10_000 });
  expect((await send(collector, [1, 2, 3])).status).toBe(200);
});

test('a dead collector refuses connections, and is at the same address whatever it becomes next', async () => {
  const collector = await start({ condition: 'dead' });
  await collector.become('dead');
  await expect(send(collector, [1])).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  await collector.become({ latencyMillis: 1 });
  expect((await send(collector, [1])).status).toBe(200);
});

test('a silent collector takes a request and never answers, a resetting one closes the connection', async () => {
  const collector = await start({ condition: 'silent' });
  const impatience = new AbortController();
  const sent = send(collector, [1], impatience.signal);
  await collector.until(({ answers }) => answers.hang === 1);
  impatience.abort();
  await expect(sent).rejects.toThrow('aborted');
  await collector.become('resetting');
  await expect(send(collector, [1])).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
  expect(collector.account()).toMatchObject({ records: 0, refused: 2, acknowledged: 0 });
});

test('a web page is a 200 after which nothing is stored', async () => {
  const collector = await start({ condition: { kind: 'web-page' } });
  const { status, type, text } = await send(collector, [1]);
  expect([status, type]).toEqual([200, 'text/html; charset=utf-8']);
  expect(text).toContain('<title>');
  expect(collector.account()).toMatchObject({ records: 0, refused: 1, answers: { 'web-page': 1 } });
});

test('a rate that is limited spaces the requests that are let in evenly; the others get 429', () => {
  const limits = new Limits();
  const statuses = [0, 49, 50, 60, 99, 101].map((now) =>
    limits.refusal({ maxRequestsPerSecond: 20 }, 1, now),
  );
  expect(statuses).toEqual([undefined, 429, undefined, 429, 429, undefined]);
});

test('memory that is full refuses requests with 503 until there is room for them again', () => {
  const limits = new Limits();
  const memory = { bytes: 400, drainBytesPerSecond: 1_000 };
  const statuses = [0, 0, 99, 100, 100].map((now) => limits.refusal({ memory }, 250, now));
  expect(statuses).toEqual([undefined, 503, 503, undefined, 503]);
});

test('a record that comes again is a duplicate, and one that differs in its time alone is not', async () => {
  const collector = await start();
  await send(collector, [1, 2]);
  await send(collector, [2, 3]);
  expect(collector.account()).toMatchObject({ requests: 2, records: 4, different: 3, duplicates: 1 });
  expect([...collector.ids.values()]).toEqual([1, 2, 1]);
});

test.each<[TestCollectorOptions, string[]]>([
  [{ identity: 'body' }, ['order stored']],
  [{ identity: { attribute: 'n' } }, ['1', '2']],
  [{ keep: 'count' }, []],
])('records are known again by what was asked for: %j', async (options, ids) => {
  const collector = await start(options);
  await send(collector, [1, 2]);
  expect([...collector.ids.keys()]).toEqual(ids);
  expect(collector.records).toHaveLength(options.keep === 'count' ? 0 : 2);
  const different = options.keep === 'count' ? 2 : ids.length;
  expect(collector.account()).toMatchObject({ records: 2, different, duplicates: 2 - different });
});

test('records that were waited for are handed over when the last one has come', async () => {
  const collector = await start();
  const all = collector.received(3);
  await send(collector, [1, 2]);
  await send(collector, [2]);
  await send(collector, [3]);
  expect((await all).map(({ attributes }) => attributes.n)).toEqual([1, 2, 2, 3]);
});

test('records that do not come are waited for as long as was said, and the error has the account', async () => {
  const collector = await start();
  await send(collector, [1]);
  await expect(collector.received(2, 20)).rejects.toThrow(
    /waited 20 ms, and 2 different records did not arrive: \{"requests":1,"records":1/,
  );
});

test('a collector in this process cannot be killed, and says so', async () => {
  const collector = await start();
  await expect(collector.kill()).rejects.toThrow('child process');
  await expect(collector.restart()).rejects.toThrow('child process');
});

test('a collector in a child process loads nothing that NODE_OPTIONS asks for, and measures no coverage', async () => {
  const { NODE_OPTIONS, NODE_V8_COVERAGE } = process.env;
  const directory = temporaryDirectory();
  process.env.NODE_OPTIONS = '--import=data:text/javascript,process.exit(3)';
  process.env.NODE_V8_COVERAGE = directory;
  try {
    await (await TestCollector.spawn()).stop();
  } finally {
    Object.assign(process.env, { NODE_OPTIONS, NODE_V8_COVERAGE });
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS;
    if (NODE_V8_COVERAGE === undefined) delete process.env.NODE_V8_COVERAGE;
  }
  expect(readdirSync(directory)).toEqual([]);
});

test('a collector leaves with the scope that it was declared in', async () => {
  let url = '';
  {
    await using collector = await TestCollector.start();
    url = collector.logsUrl;
    expect((await send(collector, [1])).status).toBe(200);
  }
  await expect(fetch(url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});
