/** The variables `OTEL_SPILLWAY_*`: one for each option that text can express and no `OTEL_*` variable covers. */

import type { SpillwayOptions } from '../options/options.ts';
import type { OtlpLogExporterOptions } from '../otlp/options.ts';

/** Collaborators and callbacks are code; the last four options have variables of the stock processor, `OTEL_BLRP_*`. */
type NotHere =
  | 'exporter'
  | 'meterProvider'
  | 'selfObsMeterProvider'
  | 'onDrop'
  | 'onBreakerStateChange'
  | 'onError'
  | 'maxQueueSize'
  | 'maxExportBatchSize'
  | 'scheduledDelayMillis'
  | 'exportTimeoutMillis';

interface Configurable extends Omit<SpillwayOptions, NotHere> {
  /** The specification has no variables for these. */
  exporter: Pick<
    OtlpLogExporterOptions,
    'maxRequestBytes' | 'maxResponseBytes' | 'concurrencyLimit' | 'userAgent'
  >;
}

type Kind = 'number' | 'text' | 'boolean';

/** Mirrors the options: leaving one out, or giving it the wrong kind, is a type error. */
type Kinds<T> = { readonly [Name in keyof T]-?: KindOf<Exclude<NonNullable<T[Name]>, false>> };
type KindOf<V> = V extends number
  ? 'number'
  : V extends string
    ? 'text'
    : V extends boolean
      ? 'boolean'
      : Kinds<V>;

const KINDS: Kinds<Configurable> = {
  spool: {
    directory: 'text',
    maxBytes: 'number',
    mode: 'text',
    fsync: 'text',
    fsyncIntervalMillis: 'number',
    replayShare: 'number',
    maxReplayBytes: 'number',
    spillAfterOpenMillis: 'number',
    leaseMillis: 'number',
    exitMaxBytes: 'number',
    exitTimeoutMillis: 'number',
  },
  maxQueueBytes: 'number',
  maxExportBatchBytes: 'number',
  maxRecordBytes: 'number',
  maxConcurrentExports: 'number',
  overflow: 'text',
  protectSeverity: 'number',
  shed: { above: 'number', belowSeverity: 'number' },
  breaker: { failureThreshold: 'number', resetTimeoutMillis: 'number', maxResetTimeoutMillis: 'number' },
  retry: { initialDelayMillis: 'number', maxDelayMillis: 'number', maxElapsedMillis: 'number' },
  memoryLimit: { softRatio: 'number', hardRatio: 'number', checkIntervalMillis: 'number' },
  shutdown: { strategy: 'text', timeoutMillis: 'number' },
  flushTimeoutMillis: 'number',
  gapMarker: 'boolean',
  exporter: {
    maxRequestBytes: 'number',
    maxResponseBytes: 'number',
    concurrencyLimit: 'number',
    userAgent: 'text',
  },
};

/** Groups that can be switched on or off. A spool is on when it has a directory. */
const SWITCHES = ['shed', 'breaker', 'memoryLimit'] as const satisfies readonly (keyof Configurable)[];

const PREFIX = 'OTEL_SPILLWAY_';

/** Takes precedence over `OTEL_LOGS_EXPORTER`, which other SDKs read. */
export const LOGS_EXPORTER = `${PREFIX}LOGS_EXPORTER`;
export const SIGNALS = `${PREFIX}SIGNALS`;

export interface Variable {
  readonly name: string;
  /** As in messages and documentation: `spool.directory`; for options of the exporter, `exporter.userAgent`. */
  readonly option: string;
  readonly kind: Kind | 'switch';
}

export const VARIABLES: readonly Variable[] = Object.entries(KINDS).flatMap(([option, kind]) => {
  if (typeof kind === 'string') return variable(option, kind);
  const members = Object.entries(kind).map(([name, of]) => variable(`${option}.${name}`, of as Kind));
  const hasSwitch = (SWITCHES as readonly string[]).includes(option);
  return hasSwitch ? [variable(option, 'switch'), ...members] : members;
});

function variable(option: string, kind: Variable['kind']): Variable {
  const words = option.replaceAll('.', '_').replace(/[A-Z]/g, (capital) => `_${capital}`);
  return { name: PREFIX + words.toUpperCase(), option, kind };
}

/** @returns unknown variables with this package's prefix: most likely misspelt. */
export function unknownVariables(names: readonly string[]): string[] {
  const known = new Set([...VARIABLES.map(({ name }) => name), LOGS_EXPORTER, SIGNALS]);
  return names.filter((name) => name.startsWith(PREFIX) && !known.has(name));
}
