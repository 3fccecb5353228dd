/** Resolves the options of the spool. */

import { resolve } from 'node:path';
import {
  choiceOption,
  flag,
  invalid,
  numberOption,
  objectOption,
  resolvedGroup,
} from '../common/validation.ts';
import type { SpoolOptions } from './options.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const DAY_MILLIS = 86_400_000;

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
