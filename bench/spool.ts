/**
 * What a spool costs while it is not needed, what it costs to have every record on disk before it is sent, and an outage
 * that is larger than the queue.
 *
 * Method: all contenders are `spillway (otlp)`; ratios are to `spool off`, in the outage to `in memory`. Under load,
 * after a warm-up that is delivered, a process emits typical records by the wall clock, in ticks of 10 ms, at
 * 100,000/s for 10 s, to a collector process that answers each request 5 ms after it has decoded it; then it has 10 s
 * to flush. `overflow` has nothing to write then; `always` writes every batch before it is sent, with the named policy
 * of `fsync`. CPU is that of the whole emitting process, all threads, until it has shut down. The event loop's delay
 * is taken by a timer of 5 ms, from whose intervals that is subtracted.
 *
 * In the outage the collector refuses connections while 1,000,000 records are emitted, in bursts of 1,000 with a
 * turn of the event loop between them: `overflow` into a queue of the default size, `in memory` without a spool into
 * one that is large enough for all. Spooled is what is on disk when the last record has been emitted, by the time the
 * emitting took. Then the collector comes back; replayed is from the first request that gets through to the one
 * with which 99 % have been decoded. Peak RSS is that of the process at its largest. The breaker's and the retry's
 * back-off are shorter than the defaults, to save time.
 *
 * The collector notes every record by its number: one that did not arrive and is not on disk at the end is lost, one
 * that arrived again was delivered twice. That slows the collector down, for all contenders alike. The files are in the
 * directory for temporary files, which must be on a disk.
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
import { ALL, type Bench, type BenchOptions, type Measure, OTLP } from './support/measure.ts';
import { emitBursts, emitPaced, warmUp } from './support/pace.ts';
import { type Common, inTurns } from './support/turns.ts';

const LATENCY_MILLIS = 5;
const DRAIN_MILLIS = 10_000;
const LOOP_RESOLUTION_MILLIS = 5;
const MEASURED_SHARE = 0.99;
/** No record that is measured has the number of one of the warm-up. */
const WARM_UP_FROM = 10_000_000;
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
  await warmUp(logger, processor, warmUpRecords, WARM_UP_FROM);
  const accountFor = await openAccount(ask);
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
  await within(DRAIN_MILLIS, processor.shutdown());
  const cpu = process.cpuUsage(cpuBefore);
  const delayMillis = (nanos: number) => Math.max(0, nanos / 1e6 - LOOP_RESOLUTION_MILLIS);
  return {
    offeredPerSecond: (offered * 1_000) / emitMillis,
    ...(await accountFor(offered, processor)),
    cpuPerRecord: (cpu.user + cpu.system) / offered,
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
  await warmUp(logger, processor, warmUpRecords, WARM_UP_FROM);
  const accountFor = await openAccount(ask);
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
  const replayCpuBefore = process.cpuUsage();
  const replayStart = performance.now();
  const first = await ask<number>('received');
  const last = receivedBefore + Math.floor((records - droppedBy(processor)) * MEASURED_SHARE);
  await ask('until', last);
  const replayMillis = performance.now() - replayStart;
  const replayCpu = process.cpuUsage(replayCpuBefore);
  loop.disable();
  await processor.forceFlush().catch(() => {});
  await within(DRAIN_MILLIS, processor.shutdown());
  const peakBytes = process.resourceUsage().maxRSS * 1_024;
  return {
    ...(await accountFor(records, processor)),
    emittedPerSecond: (records * 1_000) / emitMillis,
    spooledPerSecond: (spooled.records * 1_000) / emitMillis,
    emitCpu: (cpu.user + cpu.system) / records,
    emitLoopMax: Math.max(0, emitLoopMax / 1e6 - LOOP_RESOLUTION_MILLIS),
    diskPerRecord: spooled.records === 0 ? 0 : spooled.bytes / spooled.records,
    replayedPerSecond: ((last - first) * 1_000) / replayMillis,
    replayCpu: (replayCpu.user + replayCpu.system) / (last - first),
    replayLoopP99: Math.max(0, loop.percentile(99) / 1e6 - LOOP_RESOLUTION_MILLIS),
    replayLoopMax: Math.max(0, loop.max / 1e6 - LOOP_RESOLUTION_MILLIS),
    peakMib: peakBytes / MIB,
    growthMib: (peakBytes - rssBefore) / MIB,
  };
};

/** @returns asked when the processor was shut down, says what became of so many records that were emitted since. */
async function openAccount(ask: Ask) {
  const before = { all: await ask<number>('received'), different: await ask<number>('different') };
  return async (offered: number, processor: SpillwayLogRecordProcessor) => {
    const delivered = (await ask<number>('different')) - before.different;
    const leftOnDisk = processor.stats().spooled.records;
    return {
      lost: offered - delivered - leftOnDisk,
      twice: (await ask<number>('received')) - before.all - delivered,
      leftOnDisk,
    };
  };
}

function droppedBy(processor: SpillwayLogRecordProcessor): number {
  return Object.values(processor.stats().dropped).reduce((sum, count) => sum + count, 0);
}

const NONE: Pick<Measure, 'judged' | 'goal'> = { judged: ALL, goal: { kind: 'none lost' } };

async function measureLoad(options: BenchOptions): Promise<Measure[]> {
  const input: Load = { part: 'load', recordsPerSecond: 100_000, seconds: options.quick ? 1 : 10 };
  const rounds = await inTurns(
    {
      module: import.meta.url,
      contenders: [OFF, OVERFLOW, ALWAYS_NEVER, ALWAYS_INTERVAL, ALWAYS_ALWAYS],
      input,
      collector: { latencyMillis: LATENCY_MILLIS, keepsIds: true },
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
  const offered = (input.recordsPerSecond * input.seconds).toLocaleString('en');
  return [
    { ...shown(`lost of ${offered}`, 'records', 'lost'), ...NONE },
    { ...shown('delivered twice', 'records', 'twice'), ...NONE },
    shown('left on disk', 'records', 'leftOnDisk'),
    shown('emitted', 'records/s', 'offeredPerSecond'),
    {
      ...shown('CPU per record', 'µs', 'cpuPerRecord', 2),
      goal: { kind: 'ratio at most', limit: 1.05 },
    },
    shown('event-loop delay p50', 'ms', 'loopP50', 2),
    { ...shown('event-loop delay p99', 'ms', 'loopP99', 2), goal: { kind: 'ratio at most', limit: 1.25 } },
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
      collector: { latencyMillis: LATENCY_MILLIS, keepsIds: true },
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
    { ...shown(`lost of ${input.records.toLocaleString('en')}`, 'records', 'lost'), ...NONE },
    { ...shown('delivered twice', 'records', 'twice'), ...NONE },
    shown('left on disk', 'records', 'leftOnDisk'),
    shown('emitted', 'records/s', 'emittedPerSecond'),
    shown('spooled', 'records/s', 'spooledPerSecond'),
    shown('CPU per emitted record', 'µs', 'emitCpu', 2),
    shown('event-loop delay max while emitting', 'ms', 'emitLoopMax', 1),
    shown('on disk per record', 'bytes', 'diskPerRecord'),
    shown('replayed', 'records/s', 'replayedPerSecond'),
    shown('CPU per replayed record', 'µs', 'replayCpu', 2),
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
