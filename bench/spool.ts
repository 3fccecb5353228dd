/**
 * The disk spool: what it costs while it is not needed, what it costs to have every record on disk before it is sent, and
 * an outage that is larger than the queue.
 *
 * Method: all contenders are `spillway (otlp)`. Under load, after a warm-up that is delivered, a process
 * emits typical records by the wall clock, in ticks of 10 ms, at 100,000/s for 10 s, to a collector process that
 * answers each request 5 ms after it has decoded it; then it has 10 s to flush. CPU is that of the whole emitting
 * process, all threads, the writing included; what is left on disk for the next process is not lost; the event loop's delay is taken by a timer of 5 ms, from whose intervals
 * that is subtracted. `overflow` has nothing to write then; `always` writes every batch, with the named policy of `fsync`.
 *
 * In the outage the collector refuses connections while 1,000,000 records are emitted, in bursts of 1,000 with a
 * turn of the event loop between them, into a queue of the default size; `in memory` is without a spool and
 * with a queue that is large enough for all. Spooled is what is on disk when the last record has been emitted, by the time the
 * emitting took. Then the collector comes back; replayed is from the first request that gets through to the
 * one with which 99 % have been decoded. Peak RSS is that of the process at its largest. The breaker's and the
 * retry's back-off are shorter than the defaults, to save time.
 *
 * The files are in the directory for temporary files, which must be on a disk.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { SpillwayLogRecordProcessor, SpillwayOptions } from 'otel-spillway';
import type { Ask, Contend } from './support/child.ts';
import { buildPipeline } from './support/contenders.ts';
import { within } from './support/deadline.ts';
import { type Bench, type BenchOptions, type Measure, OTLP } from './support/measure.ts';
import { emitBursts, emitPaced, warmUp } from './support/pace.ts';
import { type Common, inTurns } from './support/turns.ts';

const LATENCY_MILLIS = 5;
const DRAIN_MILLIS = 10_000;
const LOOP_RESOLUTION_MILLIS = 5;
const MEASURED_SHARE = 0.99;
const MIB = 1024 * 1024;

const OFF = 'spool off';
const OVERFLOW = 'overflow';
const ALWAYS_NEVER = 'always, fsync never';
const ALWAYS_INTERVAL = 'always, fsync interval';
const ALWAYS_ALWAYS = 'always, fsync always';
const IN_MEMORY = 'in memory';

type Spool = Exclude<SpillwayOptions['spool'], false | undefined>;
const SPOOLS: Readonly<Record<string, Omit<Spool, 'directory'>>> = {
  [OVERFLOW]: { mode: 'overflow' },
  [ALWAYS_NEVER]: { mode: 'always', fsync: 'never' },
  [ALWAYS_INTERVAL]: { mode: 'always', fsync: 'interval' },
  [ALWAYS_ALWAYS]: { mode: 'always', fsync: 'always' },
};

interface Load {
  readonly part: 'load';
  readonly recordsPerSecond: number;
  readonly seconds: number;
}

interface Outage {
  readonly part: 'outage';
  readonly records: number;
}

export const contend: Contend<(Load | Outage) & Common> = async (contender, input, ask) => {
  const directory = await mkdtemp(join(tmpdir(), 'spillway-spool-'));
  try {
    const spool = SPOOLS[contender];
    const options = spool === undefined ? {} : { spool: { directory, maxBytes: 2_048 * MIB, ...spool } };
    return await (input.part === 'load' ? load(options, input, ask) : outage(options, input, ask));
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
};

type Part<Input> = (
  options: Pick<SpillwayOptions, 'spool'>,
  input: Input & Common,
  ask: Ask,
) => Promise<Record<string, number>>;

const load: Part<Load> = async (options, { recordsPerSecond, seconds, url, warmUpRecords }, ask) => {
  const processor = buildPipeline(OTLP, url, {}, options).processor as SpillwayLogRecordProcessor;
  const logger = new LoggerProvider({ processors: [processor] }).getLogger('bench');
  await warmUp(logger, processor, warmUpRecords);
  const receivedBefore = await ask<number>('received');
  const offered = recordsPerSecond * seconds;

  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MILLIS });
  loop.enable();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  await emitPaced(logger, recordsPerSecond, offered);
  const emitMillis = performance.now() - start;
  loop.disable();
  // A flush that fails shows in what was lost.
  await within(
    DRAIN_MILLIS,
    processor.forceFlush().catch(() => {}),
  );
  const flushMillis = performance.now() - start - emitMillis;
  const cpu = process.cpuUsage(cpuBefore);
  await within(DRAIN_MILLIS, processor.shutdown());
  const delivered = (await ask<number>('received')) - receivedBefore;
  const leftOnDisk = processor.stats().spooled.records;
  const delayMillis = (nanos: number) => Math.max(0, nanos / 1e6 - LOOP_RESOLUTION_MILLIS);
  return {
    offeredPerSecond: (offered * 1_000) / emitMillis,
    lost: offered - delivered - leftOnDisk,
    leftOnDisk,
    cpuPerDelivered: (cpu.user + cpu.system) / delivered,
    flushMillis,
    loopP50: delayMillis(loop.percentile(50)),
    loopP99: delayMillis(loop.percentile(99)),
    loopMax: delayMillis(loop.max),
  };
};

const outage: Part<Outage> = async (options, { records, url, warmUpRecords }, ask) => {
  const roomForAll = { maxQueueSize: records + 1_024 };
  const pipeline = buildPipeline(OTLP, url, options.spool ? {} : roomForAll, {
    ...(options.spool ? options : { maxQueueBytes: 4_096 * MIB }),
    breaker: { resetTimeoutMillis: 250, maxResetTimeoutMillis: 250 },
    retry: { initialDelayMillis: 100, maxDelayMillis: 200 },
  });
  const processor = pipeline.processor as SpillwayLogRecordProcessor;
  const logger = new LoggerProvider({ processors: [processor] }).getLogger('bench');
  await warmUp(logger, processor, warmUpRecords);
  const receivedBefore = await ask<number>('received');
  await ask('refuse');
  const rssBefore = process.memoryUsage.rss();

  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MILLIS });
  loop.enable();
  const cpuBefore = process.cpuUsage();
  const emitStart = performance.now();
  await emitBursts(logger, records);
  const emitMillis = performance.now() - emitStart;
  const cpu = process.cpuUsage(cpuBefore);
  const { spooled } = processor.stats();
  const emitLoopMax = loop.max;

  await ask('listen');
  await ask('until', receivedBefore + 1);
  loop.reset();
  const replayStart = performance.now();
  const first = await ask<number>('received');
  const expected = records - lostOf(processor);
  const last = receivedBefore + Math.floor(expected * MEASURED_SHARE);
  await ask('until', last);
  const replayMillis = performance.now() - replayStart;
  loop.disable();
  await processor.forceFlush().catch(() => {});
  await within(DRAIN_MILLIS, processor.shutdown());
  const delivered = (await ask<number>('received')) - receivedBefore;
  const peakBytes = process.resourceUsage().maxRSS * 1_024;
  return {
    emittedPerSecond: (records * 1_000) / emitMillis,
    spooledPerSecond: (spooled.records * 1_000) / emitMillis,
    emitCpu: (cpu.user + cpu.system) / records,
    emitLoopMax: Math.max(0, emitLoopMax / 1e6 - LOOP_RESOLUTION_MILLIS),
    diskPerRecord: spooled.records === 0 ? 0 : spooled.bytes / spooled.records,
    replayedPerSecond: ((last - first) * 1_000) / replayMillis,
    replayLoopP99: Math.max(0, loop.percentile(99) / 1e6 - LOOP_RESOLUTION_MILLIS),
    replayLoopMax: Math.max(0, loop.max / 1e6 - LOOP_RESOLUTION_MILLIS),
    peakMib: peakBytes / MIB,
    growthMib: (peakBytes - rssBefore) / MIB,
    lost: records - delivered - processor.stats().spooled.records,
  };
};

function lostOf(processor: SpillwayLogRecordProcessor): number {
  return Object.values(processor.stats().dropped).reduce((sum, count) => sum + count, 0);
}

async function measureLoad(options: BenchOptions): Promise<Measure[]> {
  const input: Load = { part: 'load', recordsPerSecond: 100_000, seconds: options.quick ? 1 : 10 };
  const rounds = await inTurns(
    {
      module: import.meta.url,
      contenders: [OFF, OVERFLOW, ALWAYS_NEVER, ALWAYS_INTERVAL, ALWAYS_ALWAYS],
      input,
      collector: { latencyMillis: LATENCY_MILLIS },
    },
    { ...options, progress: (text) => options.progress(`load: ${text}`) },
  );
  const shown = (what: string, unit: string, key: string, digits = 0) => ({
    what: `${what}, 100,000/s`,
    unit,
    digits,
    series: rounds.series(key),
    base: OFF,
    judged: OVERFLOW,
  });
  return [
    {
      ...shown(`lost of ${(input.recordsPerSecond * input.seconds).toLocaleString('en')}`, 'records', 'lost'),
      judged: ALWAYS_INTERVAL,
      goal: { kind: 'none lost' },
    },
    shown('left on disk', 'records', 'leftOnDisk'),
    shown('emitted', 'records/s', 'offeredPerSecond'),
    {
      ...shown('CPU per delivered record', 'µs', 'cpuPerDelivered', 2),
      goal: { kind: 'ratio at most', limit: 1.05 },
    },
    shown('event-loop delay p50', 'ms', 'loopP50', 2),
    { ...shown('event-loop delay p99', 'ms', 'loopP99', 2), goal: { kind: 'ratio at most', limit: 1.1 } },
    shown('event-loop delay max', 'ms', 'loopMax', 1),
    shown('flush at the end', 'ms', 'flushMillis', 1),
  ];
}

async function measureOutage(options: BenchOptions): Promise<Measure[]> {
  const input: Outage = { part: 'outage', records: options.quick ? 150_000 : 1_000_000 };
  const rounds = await inTurns(
    {
      module: import.meta.url,
      contenders: [IN_MEMORY, OVERFLOW],
      input,
      collector: { latencyMillis: LATENCY_MILLIS },
    },
    { ...options, progress: (text) => options.progress(`outage: ${text}`) },
  );
  const shown = (what: string, unit: string, key: string, digits = 0) => ({
    what: `outage: ${what}`,
    unit,
    digits,
    series: rounds.series(key),
    base: IN_MEMORY,
    judged: OVERFLOW,
  });
  return [
    {
      ...shown(`lost of ${input.records.toLocaleString('en')}`, 'records', 'lost'),
      goal: { kind: 'none lost' },
    },
    shown('emitted', 'records/s', 'emittedPerSecond'),
    shown('spooled', 'records/s', 'spooledPerSecond'),
    shown('CPU per emitted record', 'µs', 'emitCpu', 2),
    shown('event-loop delay max while emitting', 'ms', 'emitLoopMax', 1),
    shown('on disk per record', 'bytes', 'diskPerRecord'),
    shown('replayed', 'records/s', 'replayedPerSecond'),
    shown('event-loop delay p99 while replaying', 'ms', 'replayLoopP99', 1),
    shown('event-loop delay max while replaying', 'ms', 'replayLoopMax', 1),
    shown('peak RSS', 'MiB', 'peakMib'),
    shown('growth of RSS', 'MiB', 'growthMib'),
  ];
}

export const bench: Bench = {
  title: 'The disk spool',
  run: async (options) => [...(await measureLoad(options)), ...(await measureOutage(options))],
};
