/** The variables `OTEL_SPILLWAY_*`: one for each option that a text can express and that no `OTEL_*` variable is for. */

import type { SpillwayOptions } from '../options/options.ts';
import type { OtlpLogExporterOptions } from '../otlp/options.ts';

/** Collaborators and callbacks are code; the last four have the variables of the stock processor, `OTEL_BLRP_*`. */
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

/** The shape of the options, with kinds for values: an option that is forgotten, or of another kind, is an error of types. */
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

/** Groups that are on or off. A spool is on when it has a directory. */
const SWITCHES = ['shed', 'breaker', 'memoryLimit'] as const satisfies readonly (keyof Configurable)[];

const PREFIX = 'OTEL_SPILLWAY_';

/** What becomes of the logs here, whatever `OTEL_LOGS_EXPORTER` says to other SDKs. */
export const LOGS_EXPORTER = `${PREFIX}LOGS_EXPORTER`;
/** Which signals are listened for. */
export const SIGNALS = `${PREFIX}SIGNALS`;

export interface Variable {
  readonly name: string;
  /** The option, as messages and pages name it: `spool.directory`; for the exporter's own, `exporter.userAgent`. */
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

/** @returns the variables of this package that are not known: misspelt, most likely. */
export function unknownVariables(names: readonly string[]): string[] {
  const known = new Set([...VARIABLES.map(({ name }) => name), LOGS_EXPORTER, SIGNALS]);
  return names.filter((name) => name.startsWith(PREFIX) && !known.has(name));
}
