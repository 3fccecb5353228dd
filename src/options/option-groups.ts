/** Resolves the options that are objects: each function has the defaults and ranges of one group. */

import { resolve } from 'node:path';
import {
  choiceOption,
  flag,
  invalid,
  numberOption,
  objectOption,
  resolvedGroup,
  warn,
} from '../common/validation.ts';
import type { RetrySettings } from '../delivery/disposition.ts';
import type { BreakerSettings } from '../delivery/recovery.ts';
import type { MemoryGuardSettings } from '../process/memory-guard.ts';
import type { ShedRule } from '../queue/admission-rules.ts';
import type { SpillwayOptions, SpoolOptions } from './options.ts';

const DAY_MILLIS = 86_400_000;

const INFO = 9;
export const MAX_SEVERITY = 24;
const SHUTDOWN_STRATEGIES = ['graceful', 'flush', 'immediate'] as const;

export interface ShutdownSettings {
  readonly strategy: (typeof SHUTDOWN_STRATEGIES)[number];
  readonly timeoutMillis: number;
}

/** `defaults` are the constructor's settings for a `shutdown()` call. @throws SpillwayError `ERR_SPILLWAY_OPTION`. */
export function shutdownSettings(
  value: SpillwayOptions['shutdown'],
  defaults: ShutdownSettings = { strategy: 'graceful', timeoutMillis: 5_000 },
): ShutdownSettings {
  const group = objectOption(value, 'shutdown');
  return resolvedGroup(group, 'shutdown', {
    strategy: choiceOption(group.strategy, 'shutdown.strategy', SHUTDOWN_STRATEGIES, defaults.strategy),
    timeoutMillis: numberOption(group.timeoutMillis, 'shutdown.timeoutMillis', {
      min: 0,
      max: 3_600_000,
      default: defaults.timeoutMillis,
    }),
  });
}

export function shedSettings(value: SpillwayOptions['shed']): ShedRule | undefined {
  if (value === undefined || !flag(value, 'shed')) return undefined;
  const group = objectOption(value, 'shed');
  return resolvedGroup(group, 'shed', {
    above: numberOption(group.above, 'shed.above', { min: 0, max: 1, default: 0.8, fraction: true }),
    belowSeverity: numberOption(group.belowSeverity, 'shed.belowSeverity', {
      min: 1,
      max: MAX_SEVERITY,
      default: INFO,
    }),
  });
}

export function breakerSettings(value: SpillwayOptions['breaker']): BreakerSettings | undefined {
  if (!flag(value, 'breaker')) return undefined;
  const group = objectOption(value, 'breaker');
  const wait = { min: 1, max: DAY_MILLIS };
  const resetTimeoutMillis = numberOption(group.resetTimeoutMillis, 'breaker.resetTimeoutMillis', {
    ...wait,
    default: 1_000,
  });
  const maxResetTimeoutMillis = numberOption(group.maxResetTimeoutMillis, 'breaker.maxResetTimeoutMillis', {
    ...wait,
    default: Math.max(resetTimeoutMillis, 30_000),
  });
  return resolvedGroup(group, 'breaker', {
    failureThreshold: numberOption(group.failureThreshold, 'breaker.failureThreshold', {
      min: 1,
      max: 1_000,
      default: 5,
    }),
    resetTimeoutMillis: clamp(
      resetTimeoutMillis,
      'breaker.resetTimeoutMillis',
      maxResetTimeoutMillis,
      'breaker.maxResetTimeoutMillis',
    ),
    maxResetTimeoutMillis,
  });
}

export function retrySettings(value: SpillwayOptions['retry']): RetrySettings {
  const group = objectOption(value, 'retry');
  const wait = { min: 1, max: DAY_MILLIS };
  const initialDelayMillis = numberOption(group.initialDelayMillis, 'retry.initialDelayMillis', {
    ...wait,
    default: 1_000,
  });
  const maxDelayMillis = numberOption(group.maxDelayMillis, 'retry.maxDelayMillis', {
    ...wait,
    default: Math.max(initialDelayMillis, 30_000),
  });
  return resolvedGroup(group, 'retry', {
    initialDelayMillis: clamp(
      initialDelayMillis,
      'retry.initialDelayMillis',
      maxDelayMillis,
      'retry.maxDelayMillis',
    ),
    maxDelayMillis,
    maxElapsedMillis: numberOption(group.maxElapsedMillis, 'retry.maxElapsedMillis', {
      min: 0,
      max: Number.POSITIVE_INFINITY,
      default: Number.POSITIVE_INFINITY,
    }),
  });
}

export function memoryLimitSettings(value: SpillwayOptions['memoryLimit']): MemoryGuardSettings | undefined {
  if (!flag(value, 'memoryLimit')) return undefined;
  const group = objectOption(value, 'memoryLimit');
  const softRatio = numberOption(group.softRatio, 'memoryLimit.softRatio', {
    min: 0.01,
    max: 1,
    default: 0.8,
    fraction: true,
  });
  return resolvedGroup(group, 'memoryLimit', {
    softRatio,
    hardRatio: numberOption(group.hardRatio, 'memoryLimit.hardRatio', {
      min: softRatio,
      max: 1,
      default: Math.max(softRatio, 0.9),
      fraction: true,
    }),
    checkIntervalMillis: numberOption(group.checkIntervalMillis, 'memoryLimit.checkIntervalMillis', {
      min: 10,
      max: 3_600_000,
      default: 1_000,
    }),
  });
}

/** Of two contradicting options the smaller one holds, with a warning, as in the stock processor. */
export function clamp(
  value: number,
  name: string,
  limit: number,
  limitName: string,
  isChosen = true,
): number {
  if (value <= limit) return value;
  if (isChosen) warn(`${name} (${value}) is larger than ${limitName}; using ${limit}`);
  return limit;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const FSYNC_POLICIES = ['never', 'interval', 'always'] as const;

export interface SpoolSettings {
  /** Absolute. */
  readonly directory: string;
  readonly maxBytes: number;
  readonly mode: 'overflow' | 'always';
  readonly fsync: (typeof FSYNC_POLICIES)[number];
  readonly fsyncIntervalMillis: number;
  /** A process without a heartbeat for this long counts as dead, and others take over its partitions. */
  readonly leaseMillis: number;
  /** Share of the exports that may be replays while live records wait, 0.01 to 0.9. */
  readonly replayShare: number;
  /** Bytes of replays that are held concurrently. */
  readonly maxReplayBytes: number;
  /** Time the breaker must be open before everything goes to disk. */
  readonly spillAfterOpenMillis: number;
  /** Limit for the bytes written at the exit of the process. */
  readonly exitMaxBytes: number;
  readonly exitTimeoutMillis: number;
}

/** `exitMaxBytes` is at least `maxQueueBytes` by default. @throws SpillwayError `ERR_SPILLWAY_OPTION`. */
export function spoolSettings(
  value: SpoolOptions | false | undefined,
  maxQueueBytes: number,
): SpoolSettings | undefined {
  if (value === undefined || !flag(value, 'spool')) return undefined;
  const group = objectOption(value, 'spool');
  const number = (
    name: Exclude<keyof SpoolOptions, 'directory' | 'mode' | 'fsync'>,
    min: number,
    max: number,
    otherwise: number,
    fraction = false,
  ) => numberOption(group[name], `spool.${name}`, { min, max, default: otherwise, fraction });
  return resolvedGroup(group, 'spool', {
    directory: directoryOption(group.directory),
    maxBytes: number('maxBytes', MIB, 1024 * GIB, 512 * MIB),
    mode: choiceOption(group.mode, 'spool.mode', ['overflow', 'always'] as const, 'overflow'),
    fsync: choiceOption(group.fsync, 'spool.fsync', FSYNC_POLICIES, 'interval'),
    fsyncIntervalMillis: number('fsyncIntervalMillis', 10, 60_000, 1_000),
    replayShare: number('replayShare', 0.01, 0.9, 0.25, true),
    maxReplayBytes: number('maxReplayBytes', 64 * KIB, GIB, 8 * MIB),
    spillAfterOpenMillis: number('spillAfterOpenMillis', 0, DAY_MILLIS, 5_000),
    leaseMillis: number('leaseMillis', 1_000, 600_000, 10_000),
    exitMaxBytes: number('exitMaxBytes', 0, 1024 * GIB, Math.max(64 * MIB, maxQueueBytes)),
    exitTimeoutMillis: number('exitTimeoutMillis', 0, 60_000, 2_000),
  });
}

function directoryOption(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    throw invalid('spool.directory', 'the path of a directory', value);
  }
  return resolve(value);
}
