/**
 * The store behind the disk spool: append-only segments, as the spool has them, against `node:sqlite`.
 *
 * Method: both get batches of bytes as the exporter makes them. Under load a process stores 25 batches of 1 MB
 * a second, or 200 of 120 KB (each about 100,000 typical records), by the wall clock for 10 s, and from the
 * second second on reads them back at the same rate and settles them. The event loop's delay is taken meanwhile
 * by a timer of 1 ms, from whose intervals that is subtracted; time in calls is what the store's methods
 * take before they return to the caller; CPU is that of the whole process, all threads, per MB that went through.
 * `memory` keeps the batches in an array: what the load itself costs. Flat out there are 512 batches of 1 MB, four of
 * them on their way at once, then all are read back and settled, one after the other. The exit stores 64 batches of
 * 1 MiB synchronously. Of killed writers (SIGKILL, at any time from 50 to 250 ms after the first batch) all batches
 * that were stored must come back unharmed; a batch that comes back although it was settled is delivered twice.
 * Four processes at once store 128 batches of 1 MB each, and read back and settle every second one. To start again a process finds 512 MiB in batches of 120 KB, left by
 * one that has ended properly, with a warm page cache. The files are in the directory for temporary files,
 * which must be on a disk.
 *
 * `sqlite NORMAL` and `FULL`: WAL, one row for each batch, pages of 16 KiB, a checkpoint every 4 MiB, on the main
 * thread. `checkpoints in a worker` is `NORMAL` whose checkpoints another thread makes, `in a worker` is `NORMAL`
 * altogether in another thread.
 * `segments never`, `interval` (every second) and `always` (before a batch counts as stored): when `fdatasync` is called.
 */

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { BatchStore } from './support/batch-store.ts';
import {
  MEMORY,
  openStore,
  SEGMENTS_ALWAYS,
  SEGMENTS_INTERVAL,
  SEGMENTS_NEVER,
  SQLITE_CHECKPOINTS,
  SQLITE_FULL,
  SQLITE_NORMAL,
  SQLITE_WORKER,
} from './support/batch-stores.ts';
import type { Contend } from './support/child.ts';
import { machine } from './support/machine.ts';
import type { Bench, BenchOptions, Measure } from './support/measure.ts';
import { numberOf, payloadMaker } from './support/numbered-payloads.ts';
import { startWriter } from './support/store-writer.ts';
import { printTable, tableOf } from './support/table.ts';
import { inTurns } from './support/turns.ts';

const MB = 1e6;
const MIB = 1024 * 1024;
const STORES = [
  SQLITE_NORMAL,
  SQLITE_FULL,
  SQLITE_CHECKPOINTS,
  SQLITE_WORKER,
  SEGMENTS_NEVER,
  SEGMENTS_INTERVAL,
  SEGMENTS_ALWAYS,
];
/** Enough to tell them apart where it makes no difference when `fdatasync` is called. */
const ONE_OF_EACH = [SQLITE_NORMAL, SEGMENTS_INTERVAL];
const BATCH_RECORDS = 4_000;
const LAG_MILLIS = 1_000;
const LOOP_RESOLUTION_MILLIS = 1;
const OUTSTANDING = 4;
const KILL_AFTER_MILLIS = [50, 250] as const;
const WRITERS = 4;
/** Longer than the lease of a process that was killed. */
const COME_BACK_MILLIS = 5_000;

type Input =
  | {
      readonly part: 'load';
      readonly perSecond: number;
      readonly batchBytes: number;
      readonly seconds: number;
    }
  | { readonly part: 'flat out' | 'exit' | 'start'; readonly batches: number; readonly batchBytes: number }
  | { readonly part: 'together'; readonly batches: number; readonly batchBytes: number }
  | { readonly part: 'kill'; readonly kills: number; readonly batchBytes: number };
type Of<Part extends Input['part']> = Extract<Input, { readonly part: Part }>;
type Results = Record<string, number>;

export const contend: Contend<Input> = async (contender, input) => {
  const directory = await mkdtemp(join(tmpdir(), 'spillway-store-'));
  try {
    switch (input.part) {
      case 'load':
        return await load(openStore(contender, directory), input);
      case 'flat out':
        return await flatOut(openStore(contender, directory), directory, input as Of<'flat out'>);
      case 'exit':
        return exit(openStore(contender, directory), input as Of<'exit'>);
      case 'kill':
        return await kill(contender, directory, input);
      case 'together':
        return await together(contender, directory, input);
      case 'start':
        return await start(contender, directory, input as Of<'start'>);
    }
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
};

async function load(store: BatchStore, { perSecond, batchBytes, seconds }: Of<'load'>): Promise<Results> {
  const payloadOf = payloadMaker(batchBytes);
  const payloads = Array.from({ length: 16 }, (_, index) => payloadOf(index));
  const latencies: number[] = [];
  let refused = 0;
  let callMillis = 0;
  let longestCallMillis = 0;
  const timed = <T>(call: () => T): T => {
    const start = performance.now();
    const result = call();
    const millis = performance.now() - start;
    callMillis += millis;
    longestCallMillis = Math.max(longestCallMillis, millis);
    return result;
  };
  const put = async (number: number) => {
    const start = performance.now();
    const isStored = await timed(() =>
      store.append(payloads[number % payloads.length] as Buffer, BATCH_RECORDS),
    );
    latencies.push(performance.now() - start);
    if (!isStored) refused++;
  };
  const take = async () => {
    const batch = await timed(() => store.next());
    if (batch !== undefined) timed(batch.settle);
  };

  // Everything that is measured has run, and the files are there.
  for (let number = 0; number < 2 * perSecond; number++) {
    await put(number);
    await take();
  }
  await sleep(LAG_MILLIS);
  latencies.length = 0;
  callMillis = 0;
  longestCallMillis = 0;

  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MILLIS });
  loop.enable();
  const cpuBefore = process.cpuUsage();
  const working: Promise<void>[] = [];
  const batches = perSecond * seconds;
  const lag = (perSecond * LAG_MILLIS) / 1_000;
  const start = performance.now();
  for (let number = 0; number < batches; number++) {
    await sleep(Math.max(0, (number * 1_000) / perSecond - (performance.now() - start)));
    working.push(put(number));
    if (number >= lag) working.push(take());
  }
  await Promise.all(working);
  loop.disable();
  const cpu = process.cpuUsage(cpuBefore);
  await store.close();

  const delayMillis = (nanos: number) => Math.max(0, nanos / 1e6 - LOOP_RESOLUTION_MILLIS);
  return {
    refused,
    loopP50: delayMillis(loop.percentile(50)),
    loopP99: delayMillis(loop.percentile(99)),
    loopMax: delayMillis(loop.max),
    callMillis: callMillis / seconds,
    longestCallMillis,
    ...latencyOf(latencies),
    cpuPerMb: (cpu.user + cpu.system) / 1_000 / ((batches * batchBytes) / MB),
  };
}

async function flatOut(store: BatchStore, directory: string, input: Of<'flat out'>): Promise<Results> {
  const { batches, batchBytes } = input;
  const payload = payloadMaker(batchBytes)(1);
  const cpuBefore = process.cpuUsage();
  const storeStart = performance.now();
  let last = 0;
  const lane = async () => {
    while (last++ < batches) {
      if (!(await store.append(payload, BATCH_RECORDS))) throw new Error('not stored');
    }
  };
  await Promise.all(Array.from({ length: OUTSTANDING }, lane));
  const storeMillis = performance.now() - storeStart;
  const peakBytes = await bytesIn(directory);

  const takeStart = performance.now();
  for (let taken = 0; taken < batches; taken++) {
    const batch = await store.next();
    if (batch?.payload.byteLength !== batchBytes) throw new Error('a batch is missing');
    batch.settle();
  }
  const takeMillis = performance.now() - takeStart;
  const cpu = process.cpuUsage(cpuBefore);
  // Longer than what is done once in a second.
  await sleep(1_500);
  const emptyBytes = await bytesIn(directory);
  await store.close();
  const megabytes = (batches * batchBytes) / MB;
  return {
    stored: (megabytes * 1_000) / storeMillis,
    taken: (megabytes * 1_000) / takeMillis,
    flatCpuPerMb: (cpu.user + cpu.system) / 1_000 / megabytes,
    overhead: (peakBytes / (batches * batchBytes) - 1) * 100,
    emptyKib: emptyBytes / 1024,
    closedKib: (await bytesIn(directory)) / 1024,
  };
}

function exit(store: BatchStore, { batches, batchBytes }: Of<'exit'>): Results {
  const payloads = Array.from({ length: batches }, (_, index) => payloadMaker(batchBytes)(index));
  const start = performance.now();
  store.appendAllSync(payloads, BATCH_RECORDS);
  return { exitMillis: performance.now() - start };
}

async function kill(contender: string, parent: string, { kills, batchBytes }: Of<'kill'>): Promise<Results> {
  const found = { killed: 0, stored: 0, lost: 0, damaged: 0, again: 0 };
  for (let round = 0; round < kills; round++) {
    const directory = await mkdtemp(join(parent, 'kill-'));
    const { child, report } = startWriter({
      contender,
      directory,
      batches: Number.MAX_SAFE_INTEGER,
      batchBytes,
      batchRecords: 1,
      settles: true,
    });
    await new Promise<void>((resolve) => {
      child.stdout?.on('data', (chunk) => String(chunk).includes('+') && resolve());
    });
    const [shortest, longest] = KILL_AFTER_MILLIS;
    await sleep(shortest + Math.random() * (longest - shortest));
    child.kill('SIGKILL');
    const { stored, settled } = await report;

    const store = openStore(contender, directory, true);
    const missing = new Set([...stored].filter((number) => !settled.has(number)));
    const deadline = performance.now() + COME_BACK_MILLIS;
    while (performance.now() < deadline && (missing.size > 0 || store.waitingRecords > 0)) {
      const batch = await store.next();
      if (batch === undefined) {
        await sleep(5);
        continue;
      }
      const number = numberOf(batch.payload);
      if (number === undefined) found.damaged++;
      else if (settled.has(number)) found.again++;
      else missing.delete(number);
    }
    await store.close();
    await rm(directory, { recursive: true });
    found.killed++;
    found.stored += stored.size;
    found.lost += missing.size;
  }
  return found;
}

async function together(
  contender: string,
  directory: string,
  { batches, batchBytes }: Of<'together'>,
): Promise<Results> {
  const writer = { contender, directory, batches, batchBytes, batchRecords: 1, settles: true };
  const reports = await Promise.all(Array.from({ length: WRITERS }, () => startWriter(writer).report));
  const begin = Math.min(...reports.map((report) => report.startedAtUnixMillis));
  const seconds = (Math.max(...reports.map((report) => report.endedAtUnixMillis)) - begin) / 1_000;
  const { appendP50, appendP99, appendMax } = latencyOf(reports.flatMap((report) => report.latencies));
  return {
    togetherRate: (WRITERS * batches * batchBytes) / MB / seconds,
    togetherP50: appendP50,
    togetherP99: appendP99,
    togetherMax: appendMax,
    togetherRefused: reports.reduce((sum, report) => sum + report.refused, 0),
  };
}

async function start(
  contender: string,
  directory: string,
  { batches, batchBytes }: Of<'start'>,
): Promise<Results> {
  await startWriter({ contender, directory, batches, batchBytes, batchRecords: 1, settles: false }).report;
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MILLIS });
  loop.enable();
  // From its second interval on it counts.
  await sleep(20);
  loop.reset();
  await sleep(5);
  const begin = performance.now();
  const store = openStore(contender, directory, true);
  const openMillis = performance.now() - begin;
  let first: number | undefined;
  while (store.waitingRecords < batches) {
    if (performance.now() - begin > 60_000) throw new Error('what was left is not found');
    if (first === undefined && store.waitingRecords > 0) first = performance.now();
    await sleep(1);
  }
  const knownMillis = performance.now() - begin;
  await sleep(5);
  loop.disable();
  if ((await store.next())?.payload.byteLength !== batchBytes) throw new Error('not as it was stored');
  await store.close();
  return { openMillis, knownMillis, startLoopMax: Math.max(0, loop.max / 1e6 - LOOP_RESOLUTION_MILLIS) };
}

function latencyOf(millis: readonly number[]): { appendP50: number; appendP99: number; appendMax: number } {
  const sorted = [...millis].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { appendP50: at(0.5), appendP99: at(0.99), appendMax: at(1) };
}

async function bytesIn(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true });
  const sizes = names.map(async (name) => {
    const found = await stat(join(directory, name));
    return found.isFile() ? found.size : 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** What is shown of each part: key of the results, name, unit, digits. */
type Shown = readonly [key: string, what: string, unit: string, digits?: number];

const LOAD: readonly Shown[] = [
  ['loopP50', 'event-loop delay p50', 'ms', 2],
  ['loopP99', 'event-loop delay p99', 'ms', 2],
  ['loopMax', 'event-loop delay max', 'ms', 1],
  ['callMillis', 'time in calls, per second', 'ms', 1],
  ['longestCallMillis', 'longest call', 'ms', 1],
  ['appendP50', 'stored after, p50', 'ms', 2],
  ['appendP99', 'stored after, p99', 'ms', 2],
  ['appendMax', 'stored after, max', 'ms', 1],
  ['cpuPerMb', 'CPU per MB', 'ms', 2],
  ['refused', 'not stored', 'batches'],
];
const FLAT_OUT: readonly Shown[] = [
  ['stored', 'stored', 'MB/s'],
  ['taken', 'read back and settled', 'MB/s'],
  ['flatCpuPerMb', 'CPU per MB, stored, read and settled', 'ms', 2],
  ['overhead', 'on disk beyond the payload', '%', 1],
  ['emptyKib', 'on disk after everything is settled', 'KiB', 0],
  ['closedKib', 'on disk after that and close', 'KiB', 0],
];
const TOGETHER: readonly Shown[] = [
  ['togetherRate', 'stored, half of it read and settled', 'MB/s'],
  ['togetherP50', 'stored after, p50', 'ms', 2],
  ['togetherP99', 'stored after, p99', 'ms', 1],
  ['togetherMax', 'stored after, max', 'ms', 1],
  ['togetherRefused', 'not stored', 'batches'],
];
const EXIT: readonly Shown[] = [['exitMillis', '64 MiB stored at exit', 'ms']];
const START: readonly Shown[] = [
  ['openMillis', 'constructor', 'ms', 1],
  ['knownMillis', 'everything known after', 'ms', 1],
  ['startLoopMax', 'event-loop delay max', 'ms', 1],
];
const KILL: readonly Shown[] = [
  ['killed', 'writers killed', 'times'],
  ['stored', 'stored before', 'batches'],
  ['lost', 'stored and lost', 'batches'],
  ['damaged', 'damaged', 'batches'],
  ['again', 'settled and come back', 'batches'],
];

async function measure(
  scenario: string,
  shown: readonly Shown[],
  contenders: readonly string[],
  input: Input,
  options: BenchOptions,
): Promise<Measure[]> {
  const rounds = await inTurns(
    { module: import.meta.url, contenders, input },
    { ...options, progress: (text) => options.progress(`${scenario}: ${text}`) },
  );
  return shown.map(([key, what, unit, digits = 0]) => ({
    what: `${scenario}: ${what}`,
    unit,
    digits,
    series: rounds.series(key),
    base: SQLITE_NORMAL,
  }));
}

export const bench: Bench = {
  title: 'The store of the spool',
  run: async (options) => {
    const { quick } = options;
    const seconds = quick ? 2 : 10;
    const withFloor = [MEMORY, ...STORES];
    const large = { part: 'load', perSecond: 25, batchBytes: MB, seconds } as const;
    const small = { part: 'load', perSecond: 200, batchBytes: 0.12 * MB, seconds } as const;
    const flat = { part: 'flat out', batches: quick ? 64 : 512, batchBytes: MB } as const;
    const shared = { part: 'together', batches: quick ? 16 : 128, batchBytes: MB } as const;
    const left = { part: 'start', batches: quick ? 512 : 4_474, batchBytes: 0.12 * MB } as const;
    return [
      ...(await measure('25 × 1 MB/s', LOAD, withFloor, large, options)),
      ...(await measure('200 × 120 KB/s', LOAD, withFloor, small, options)),
      ...(await measure('flat out', FLAT_OUT, STORES, flat, options)),
      ...(await measure('4 processes', TOGETHER, STORES, shared, options)),
      ...(await measure('exit', EXIT, STORES, { part: 'exit', batches: 64, batchBytes: MIB }, options)),
      ...(await measure('start', START, ONE_OF_EACH, left, options)),
      ...(await measure(
        'kill',
        KILL,
        ONE_OF_EACH,
        { part: 'kill', kills: quick ? 2 : 7, batchBytes: MB },
        options,
      )),
    ];
  },
};

if (import.meta.main) {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string', default: '3' } },
  });
  console.log(`${machine()}, Node ${process.versions.node}`);
  const measures = await bench.run({
    rounds: values.quick ? 1 : Number(values.rounds),
    quick: values.quick,
    execArgv: [],
    progress: (text) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text}`),
  });
  printTable(bench.title, tableOf(measures));
}
