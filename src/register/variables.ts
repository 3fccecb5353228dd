/** Reads environment variables, and has the table of those that set options of this package. */

import { quietly } from '../common/errors.ts';
import type { SpillwayOptions } from '../options/options.ts';
import type { OtlpLogExporterOptions } from '../otlp/options.ts';

type Warn = (message: string) => void;

export class EnvironmentReader {
  readonly #texts: ReadonlyMap<string, string>;
  readonly #warn: Warn;

  /** @param env may be an object of the application that throws. */
  constructor(env: NodeJS.ProcessEnv, warn: Warn) {
    const texts = new Map<string, string>();
    quietly(() => {
      for (const name of Object.keys(env)) {
        quietly(() => {
          const text = env[name]?.trim();
          if (text) texts.set(name, text);
        });
      }
    });
    this.#texts = texts;
    this.#warn = warn;
  }

  get names(): string[] {
    return [...this.#texts.keys()];
  }

  /** Trimmed, never empty. */
  text(name: string): string | undefined {
    return this.#texts.get(name);
  }

  list(name: string): string[] | undefined {
    const items = this.text(name)
      ?.split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    return items?.length === 0 ? undefined : items;
  }

  boolean(name: string): boolean | undefined {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined || text === 'true') return text === undefined ? undefined : true;
    if (text !== 'false') this.wrong(name, "'true' or 'false'");
    return text === 'false' ? false : undefined;
  }

  positiveInteger(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\+?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= 1) return value;
    this.wrong(name, 'an integer of 1 or more');
    return undefined;
  }

  wrong(name: string, expected: string): void {
    const text = this.text(name) ?? '';
    const got = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    this.#warn(`environment variable ${name} must be ${expected}, got '${got}'; it is ignored`);
  }
}

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
