/**
 * The gate for processes that are stopped after their answer, or live for a moment. `--short` plays less of it, `--write`
 * puts the figures into docs/serverless.md.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { conclude, installedTool, root, runOrThrow, withTemporaryDirectory } from '../scripts/tools.ts';
import { TestCollector } from '../src/testing/index.ts';
import { measureBrief } from './brief-runs.ts';
import { invokeLambda } from './lambda.ts';
import { type Contender, type FlushTime, Instance } from './platform.ts';

const isShort = process.argv.includes('--short');
const CYCLES = isShort ? 60 : 1_000;
const CONCURRENT = 50;
const STOPPED_MILLIS = 20;
/** Now and then for longer than all time-outs of a request. */
const LONG_STOP_MILLIS = 12_000;
const LONG_STOP_AFTER_CYCLES = 400;
const INVOCATIONS = isShort ? 40 : 200;
/** What a dead collector may add to a flush. */
const FIRST_BOUND_MILLIS = 100;
const LATER_BOUND_MILLIS = 5;
/** What a busy machine may add to a bound: an unhurried timer, and a turn or two of somebody else. */
const SLACK_MILLIS = 50;

const problems: string[] = [];
const lines: string[] = [];

function report(line: string, problem?: string | false): void {
  console.log(problem ? `${line}: failed, ${problem}` : line);
  lines.push(line);
  if (problem) problems.push(`${line}: ${problem}`);
}

async function withCollector<T>(use: (collector: TestCollector) => Promise<T>): Promise<T> {
  const collector = await TestCollector.start({ keep: 'ids', identity: 'body' });
  try {
    return await use(collector);
  } finally {
    await collector.stop();
  }
}

/** How many of the records of the cycles arrived while the process ran, or was stopped: it is not continued any more. */
async function arrived(contender: Contender, flushTime: FlushTime, cycles: number): Promise<string> {
  return withCollector(async (collector) => {
    const instance = await Instance.start(contender, flushTime, collector.logsUrl);
    for (let cycle = 1; cycle <= cycles; cycle++) {
      const isLong = cycle % LONG_STOP_AFTER_CYCLES === 0;
      await instance.cycle(CONCURRENT, isLong ? LONG_STOP_MILLIS : STOPPED_MILLIS);
    }
    // What is logged after an answer that did not wait for it leaves with the next invocation.
    if (flushTime === 'before') await instance.cycle(1, STOPPED_MILLIS);
    await instance.discard();
    const requests = cycles * CONCURRENT;
    const count = (what: string) =>
      Array.from({ length: requests }, (_, number) => `${what} ${number}`).filter((id) =>
        collector.ids.has(id),
      ).length;
    const twice = [...collector.ids.values()].filter((times) => times > 1).length;
    const all = `${count('request') + count('background')} of ${2 * requests}`;
    return twice > 0 ? `${all}, ${twice} twice` : all;
  });
}

const quantile = (values: readonly number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
const millis = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

/** What flushes cost, one invocation after the other. */
async function flushTimes(prepare: (collector: TestCollector) => Promise<void>, flushTimeoutMillis: number) {
  return withCollector(async (collector) => {
    await prepare(collector);
    const instance = await Instance.start('spillway', 'before', collector.logsUrl, flushTimeoutMillis);
    const times: number[] = [];
    for (let count = 0; count < INVOCATIONS; count++) times.push(...(await instance.cycle(1, 5)));
    await instance.discard();
    const [first = 0, ...later] = times;
    return { first, median: quantile(later, 0.5), p95: quantile(later, 0.95) };
  });
}

report('| 50 concurrent requests and their background work, then never continued | arrived |');
report('| --- | --- |');
for (const [name, contender, cycles] of [
  ['stock', 'stock', 1],
  ['stock, with `forceFlush()`', 'stock, flushed', 1],
  ['otel-spillway, with `forceFlush()`', 'spillway', 1],
  [`otel-spillway, ${CYCLES.toLocaleString('en')} times in a row`, 'spillway', CYCLES],
] as const) {
  const result = await arrived(contender, 'after', cycles);
  const isWhole = result === `${2 * CONCURRENT * cycles} of ${2 * CONCURRENT * cycles}`;
  report(`| ${name} | ${result} |`, contender === 'spillway' && !isWhole && 'not all arrived');
}
const before = await arrived('spillway', 'before', CYCLES);
report(
  `| otel-spillway, ${CYCLES.toLocaleString('en')} times in a row, answers that wait for the flush | ${before} |`,
  before !== `${2 * CONCURRENT * CYCLES} of ${2 * CONCURRENT * CYCLES}` && 'not all arrived',
);
await installedTool('lambda');
const lambda = await withCollector((collector) => invokeLambda(collector, isShort ? 50 : 300));
report(`| a handler behind \`@opentelemetry/instrumentation-aws-lambda\` | ${lambda.text} |`, lambda.problem);

report('');
report('| a flush at the end of an invocation | `flushTimeoutMillis` | first | later: median | p95 |');
report('| --- | --- | --- | --- | --- |');
const healthy = await flushTimes(async () => {}, 500);
for (const [name, prepare, flushTimeoutMillis] of [
  ['a collector that answers', undefined, 500],
  ['a collector that is gone', (collector: TestCollector) => collector.become('dead'), 500],
  ['a collector that does not answer', (collector: TestCollector) => collector.become('silent'), 100],
] as const) {
  const { first, median, p95 } =
    prepare === undefined ? healthy : await flushTimes(prepare, flushTimeoutMillis);
  const isSlow =
    first > healthy.first + FIRST_BOUND_MILLIS + SLACK_MILLIS || median > healthy.median + LATER_BOUND_MILLIS;
  report(
    `| ${name} | ${flushTimeoutMillis} | ${millis(first)} | ${millis(median)} | ${millis(p95)} |`,
    isSlow && 'too slow',
  );
}

report('');
report(
  '| a process with a spool that ends by itself, `shutdown: { timeoutMillis: 5 }` | delay at the end: median | p99 | found by the next process |',
);
report('| --- | --- | --- | --- |');
for (const brief of await withTemporaryDirectory((directory) =>
  // The first flush of a process is about as much work, so it tells how busy the machine is.
  measureBrief(directory, isShort ? 12 : 100, 4 * healthy.first),
)) {
  const { name, delays, found, problem } = brief;
  report(
    `| ${name} | ${millis(quantile(delays, 0.5))} | ${millis(quantile(delays, 0.99))} | ${found} |`,
    problem,
  );
}

if (process.argv.includes('--write')) {
  const page = join(root, 'docs/serverless.md');
  const [start, end] = ['<!-- figures -->', '<!-- end of the figures -->'];
  const text = await readFile(page, 'utf8');
  const [head, rest] = text.split(start) as [string, string];
  const tail = rest.slice(rest.indexOf(end));
  await writeFile(page, `${head}${start}\n\n${lines.join('\n')}\n\n${tail}`);
  await runOrThrow('biome', ['format', '--write', page]);
}
conclude(problems, `frozen: ${lines.length} lines of figures, and all bounds held`);
