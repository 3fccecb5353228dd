/** A process that numbers its records, spools them, and ends as it is told: `node spooling.ts <SpoolingPlan as JSON>`. */

import { existsSync, readdirSync, writeSync } from 'node:fs';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import {
  EXIT_CODE,
  SERVICE_NAME,
  type SpoolingEnding,
  type SpoolingPlan,
  scopeOf,
  severityOf,
  timestampOf,
} from '../../soak/spooling-plan.ts';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter, shutdownOnSignals } from '../../src/index.ts';

const FLUSH_TIMEOUT_MILLIS = 2_000;
const SURE_MILLIS = 200;
/** To count is to settle all accounts: it is not to be done in every turn. */
const COUNTING_TICKS = 7;
/** By how much the clock is wrong, from one turn of the event loop to the next. */
const CLOCK_ERRORS_MILLIS = [0, 5_000, -5_000, 3_600_000, -86_400_000, 31_536_000_000, -31_536_000_000];

/**
 * To the parent at once, through a pipe of its own: whatever comes next, the line has left. The words:
 * - `will <n>`: from now on there may be records up to number n - 1.
 * - `did <n> <tick> <millis>`: there are, at this tick of the event loop and this time since the Unix epoch.
 * - `safe <n> <dropped>`: a `forceFlush` that began when there were n has resolved, or there were n and by the counts
 *   none of them was in memory; so many were dropped so far.
 * - `unsafe <message>`: one has rejected.
 * - `ending`: what the plan says happens next.
 * - `stats <json>`: the last ones.
 */
function tell(...words: (string | number)[]): void {
  writeSync(3, `${words.join(' ')}\n`);
}

const plan = JSON.parse(process.argv[2] ?? '{}') as SpoolingPlan;
const { url, requestTimeoutMillis, patienceMillis } = plan;
let clockErrorMillis = 0;
const timeOfDay = Date.now;
Date.now = () => timeOfDay() + clockErrorMillis;
const options = {
  exporter:
    plan.exporter === 'own'
      ? new SpillwayOtlpLogExporter({ url, timeoutMillis: requestTimeoutMillis })
      : new OTLPLogExporter({ url, timeoutMillis: requestTimeoutMillis }),
  spool: plan.spool,
  scheduledDelayMillis: plan.scheduledDelayMillis,
  maxQueueSize: plan.maxQueueSize,
  maxExportBatchSize: Math.min(512, Math.ceil(plan.maxQueueSize / 2)),
  exportTimeoutMillis: requestTimeoutMillis * 2,
  retry: { initialDelayMillis: patienceMillis, maxDelayMillis: patienceMillis * 4 },
  breaker: {
    failureThreshold: 3,
    resetTimeoutMillis: patienceMillis,
    maxResetTimeoutMillis: patienceMillis * 4,
  },
  shutdown: { timeoutMillis: plan.shutdownMillis },
};
const processor = new SpillwayLogRecordProcessor(options);
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ 'service.name': SERVICE_NAME, 'service.instance.id': plan.name }),
  processors: [processor],
});
const loggers = [0, 1].map((number) => provider.getLogger(scopeOf(number)));
const padding = 'x'.repeat(plan.padding);
const tellStats = () => tell('stats', JSON.stringify(processor.stats()));
// Registered after the processor's own listener: these are the counts it leaves behind.
process.on('exit', tellStats);

let emitted = 0;
let ticks = 0;
let safe = 0;
let isEmitting = true;

function tick(): void {
  ticks++;
  if (plan.hasWildClock) clockErrorMillis = CLOCK_ERRORS_MILLIS[ticks % CLOCK_ERRORS_MILLIS.length] ?? 0;
  if (ticks % COUNTING_TICKS === 0 && recordsInMemory() === 0) tell('safe', emitted, dropped());
  const until = isEmitting ? Math.min(plan.maxRecords, emitted + plan.recordsPerTick) : emitted;
  if (until > emitted) tell('will', until);
  for (; emitted < until; emitted++) {
    loggers[emitted % 2]?.emit({
      body: `${plan.name}/${emitted}`,
      severityNumber: severityOf(emitted),
      timestamp: timestampOf(emitted),
      attributes: { number: emitted, padding },
    });
  }
  tell('did', emitted, ticks, Math.round(performance.timeOrigin + performance.now()));
}

function recordsInMemory(): number {
  const { queued, inFlight } = processor.stats();
  return queued.records + inFlight.records;
}

function dropped(): number {
  return Object.values(processor.stats().dropped).reduce((sum, records) => sum + records, 0);
}

async function flush(): Promise<void> {
  const before = emitted;
  try {
    await processor.forceFlush({ timeoutMillis: FLUSH_TIMEOUT_MILLIS });
    tell('safe', before, dropped());
    safe = before;
  } catch (error) {
    tell('unsafe', String(error));
  }
}

function stop(): void {
  isEmitting = false;
  clearInterval(ticking);
  clearInterval(flushing);
}

/**
 * What is left in the directory: segments are somebody's still to send, partitions may be empty and still to be removed,
 * also those that were being made or taken over when their process was killed.
 */
function leftOvers(): { segments: number; partitions: number } {
  let paths: string[] = [];
  try {
    paths = readdirSync(plan.spool.directory, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    // Also of a partition that another process takes away while it is read.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    if (existsSync(plan.spool.directory)) return { segments: 1, partitions: 1 };
  }
  return {
    segments: paths.filter((path) => /^(partition-|\.new-).*\.seg$/.test(path)).length,
    partitions: paths.filter((path) => /^(partition-|\.new-)[^/]*$/.test(path)).length,
  };
}

const endings: Record<Exclude<SpoolingEnding['kind'], 'killed' | 'signalled' | 'impatient'>, () => void> = {
  natural: stop,
  exit: () => process.exit(EXIT_CODE),
  throw: () => {
    throw new Error('the end');
  },
  reject: () => {
    void Promise.reject(new Error('the end'));
  },
  'out of memory': () => {
    // In large pieces: the collector has little to look through before it gives up.
    const hoard: unknown[] = [];
    for (;;) hoard.push(new Array(100_000).fill(0.5));
  },
  drained: () => {
    stop();
    let emptySince = Number.POSITIVE_INFINITY;
    const looking = setInterval(() => {
      const now = performance.now();
      const { queued, inFlight, spooled } = processor.stats();
      const { segments, partitions } = leftOvers();
      const isEmpty = queued.records + inFlight.records + spooled.records === 0 && segments === 0;
      emptySince = isEmpty ? Math.min(emptySince, now) : Number.POSITIVE_INFINITY;
      // A partition that changes hands while the directory is read is not seen; an empty one of a dead process is
      // there until its lease has run out.
      const patience = partitions > 0 ? plan.spool.leaseMillis * 2 : SURE_MILLIS;
      if (!isEmpty || now - emptySince < patience) return;
      clearInterval(looking);
      void provider.shutdown();
    }, 20);
  },
};

const ticking = setInterval(tick, plan.tickMillis);
const flushing =
  plan.flushEveryMillis > 0 ? setInterval(() => void flush(), plan.flushEveryMillis) : undefined;
tick();
const { kind, afterMillis, notBefore = { ticks: 0, safe: 0 } } = plan.ending;
// A provider that is shut down takes no records: whoever emits then has nobody to blame.
if (kind === 'signalled' || kind === 'impatient') {
  shutdownOnSignals({ shutdown: () => provider.shutdown().then(tellStats) }, { before: stop });
}
if (kind !== 'signalled' && kind !== 'impatient' && kind !== 'killed') {
  const end = () => {
    if (ticks < notBefore.ticks || safe < notBefore.safe) {
      setTimeout(end, plan.tickMillis);
      return;
    }
    tell('ending');
    endings[kind]();
  };
  setTimeout(end, afterMillis);
}
