/** `spool replay`: sends all records that no living process holds, through the library itself. */

import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../common/clock.ts';
import type { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter, SpillwayStats } from '../../index.ts';
import type { OtlpLogExporterOptions } from '../../otlp/options.ts';
import { nodeFiles } from '../../spool/format/file-system.ts';
import { type Command, numberValue, parseCommand, usageProblem } from '../console/command.ts';
import {
  EXIT,
  type ExitCode,
  fileProblem,
  type LineWriter,
  Problem,
  problemOf,
  tell,
} from '../console/output.ts';
import { Progress } from '../console/progress.ts';
import { counted } from '../console/words.ts';
import { checkSpool } from '../reading/spool-contents.ts';
import { type ReplayEnd, ReplayWatch } from './replay-watch.ts';

const DEFAULT_SHARE = 0.5;
const DEFAULT_TIMEOUT_SECONDS = 60;
const MAX_TIMEOUT_SECONDS = 86_400;
const POLL_MILLIS = 50;
const SHUTDOWN_MILLIS = 5_000;
/** No limit in practice: nothing is written that could need an eviction. */
const MAX_BYTES = 1024 ** 4;
const MAX_REPLAY_BYTES = 32 * 1024 * 1024;
/** More eager than in a service: a person waits. */
const RETRY = { initialDelayMillis: 500, maxDelayMillis: 5_000 };
const BREAKER = { failureThreshold: 5, resetTimeoutMillis: 1_000, maxResetTimeoutMillis: 5_000 };

export const replayCommand: Command = {
  synopsis: '<directory> [--endpoint URL] [--header NAME=VALUE]... [--share N] [--timeout SECONDS]',
  summary: 'sends what no living process holds, and removes it',
  details: `Takes over what dead processes left, sends it, and ends when nothing is left. A process that was
killed is taken for dead when its lease has run out, 10 seconds after its last heartbeat unless its
option 'leaseMillis' says otherwise. Run it as the user who owns the directory.

  --endpoint URL       the collector; without a path, v1/logs is added. Default: the environment
                       variables OTEL_EXPORTER_OTLP_..., or http://localhost:4318/v1/logs
  --header NAME=VALUE  sent with each request, added to OTEL_EXPORTER_OTLP_HEADERS
  --share N            share of 16 connections to use, 0.01 to 0.9; default ${DEFAULT_SHARE}
  --timeout SECONDS    how long the endpoint may take nothing before it ends; default ${DEFAULT_TIMEOUT_SECONDS}`,
  run,
};

async function run(args: readonly string[], output: LineWriter): Promise<ExitCode> {
  const { directory, values } = parseCommand(args, {
    endpoint: { type: 'string' },
    header: { type: 'string', multiple: true },
    share: { type: 'string' },
    timeout: { type: 'string' },
  });
  const share = numberValue(values.share, 'share', 0.01, 0.9) ?? DEFAULT_SHARE;
  const timeout = numberValue(values.timeout, 'timeout', 1, MAX_TIMEOUT_SECONDS) ?? DEFAULT_TIMEOUT_SECONDS;
  const otlp = otlpOptions(values.endpoint, values.header);
  await checkSpool(directory);
  const interruption = interrupted();
  const processor = await processorFor(directory, share, otlp);
  const watch = new ReplayWatch(directory, () => processor.stats(), timeout * 1_000, systemClock, nodeFiles);
  const progress = new Progress(process.stderr, systemClock);
  let replayEnd: ReplayEnd | undefined;
  try {
    while (replayEnd === undefined) {
      await sleep(POLL_MILLIS);
      progress.update(processor.stats());
      replayEnd = interruption.signal === undefined ? await watch.look() : { kind: 'interrupted' };
    }
  } catch (error) {
    replayEnd = { kind: 'unreadable', message: fileProblem(directory, error).message };
  }
  progress.clear();
  await processor.shutdown({ timeoutMillis: SHUTDOWN_MILLIS });
  await output.line(progress.summary(processor.stats()));
  await output.flush();
  interruption.stop();
  if (interruption.signal !== undefined) {
    tell('interrupted: what is left goes on being in the spool');
    process.kill(process.pid, interruption.signal);
  }
  return exitCodeOf(replayEnd, processor.stats());
}

async function processorFor(
  directory: string,
  replayShare: number,
  otlp: ReturnType<typeof otlpOptions>,
): Promise<SpillwayLogRecordProcessor> {
  // Loaded on demand: no other command needs them.
  const [{ diag, DiagLogLevel }, { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter }] = await Promise.all(
    [import('@opentelemetry/api'), import('../../index.ts')],
  );
  const say = (message: string) => tell(message.replace(/^otel-spillway: (\w+\/\d+: )?/, ''));
  const silent = () => {};
  diag.setLogger(
    { error: say, warn: say, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  try {
    // Records that count as delivered are deleted, so the answer must be OTLP.
    const exporter = new SpillwayOtlpLogExporter({ ...otlp, demandsOtlp: true });
    await checkEndpoint(exporter);
    return new SpillwayLogRecordProcessor({
      exporter,
      spool: { directory, maxBytes: MAX_BYTES, maxReplayBytes: MAX_REPLAY_BYTES, replayShare },
      retry: RETRY,
      breaker: BREAKER,
      memoryLimit: false,
      gapMarker: false,
    });
  } catch (error) {
    const { exitCode, message } = problemOf(error);
    throw message.includes(`'spool.directory'`)
      ? new Problem(EXIT.unreadable, message)
      : new Problem(exitCode, message);
  }
}

function exitCodeOf(replayEnd: ReplayEnd, { dropped }: SpillwayStats): ExitCode {
  switch (replayEnd.kind) {
    case 'held':
    case 'unreachable':
    case 'unreadable':
      tell(replayEnd.message);
      return EXIT[replayEnd.kind];
    case 'interrupted':
      return EXIT.unreachable;
    case 'done': {
      const { spool_corrupt: damaged, spool_full: _, ...others } = dropped;
      const refused = Object.values(others).reduce((sum, records) => sum + records, 0);
      if (refused > 0) tell(`the endpoint refused ${counted(refused, 'record')} for good`);
      if (damaged > 0)
        tell(`${counted(damaged, 'record')} could not be read back: see the directory 'quarantine'`);
      return refused > 0 ? EXIT.refused : damaged > 0 ? EXIT.damaged : EXIT.done;
    }
  }
}

/** Catches the first signal; a second one ends the process as usual. */
function interrupted() {
  const interruption = { signal: undefined as NodeJS.Signals | undefined, stop };
  const onSignal = (signal: NodeJS.Signals) => {
    interruption.signal = signal;
    stop();
  };
  function stop(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  return interruption;
}

/** Temporary statuses and, because the probe has no records, 400: they do not prove a wrong endpoint. */
const INCONCLUSIVE = new Set([400, 408, 429]);

function otlpOptions(
  endpoint: string | undefined,
  headers: readonly string[] | undefined,
): Pick<OtlpLogExporterOptions, 'url' | 'headers'> {
  return {
    ...(endpoint !== undefined && { url: endpointUrl(endpoint) }),
    ...(headers !== undefined && { headers: headersOf(headers) }),
  };
}

/**
 * Probes with an empty request, which a collector answers with success (OTLP specification, "Full Success"). Records
 * sent to an endpoint that answers otherwise would be refused or swallowed; no answer at all may be temporary.
 */
async function checkEndpoint(exporter: SpillwayOtlpLogExporter): Promise<void> {
  const error = await new Promise<Error | undefined>((resolve) => {
    exporter.export([], (result) => resolve(result.error));
  });
  const code = (error as { code?: unknown } | undefined)?.code;
  if (error === undefined || typeof code !== 'number' || INCONCLUSIVE.has(code)) return;
  if (code >= 200 && code < 500) {
    await exporter.shutdown();
    throw new Problem(EXIT.unreachable, `the endpoint takes no logs, and was sent none: ${error.message}`);
  }
}

/** Without a path as OTEL_EXPORTER_OTLP_ENDPOINT, with one as OTEL_EXPORTER_OTLP_LOGS_ENDPOINT. */
function endpointUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw usageProblem('--endpoint is an http: or https: URL');
  }
  if (url.pathname === '/') url.pathname = '/v1/logs';
  return url.href;
}

function headersOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      // Not quoted in the message: it may be a secret.
      if (equals < 1) throw usageProblem('--header is NAME=VALUE');
      return [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
    }),
  );
}
