/** The instrumentations that hand what pino, winston and bunyan log to OpenTelemetry, as far as they are installed. */

import * as module from 'node:module';
import { pathToFileURL } from 'node:url';
import { causeOf } from '../common/errors.ts';
import type { Announcements } from './announcements.ts';
import type { Claims } from './claims.ts';
import type { EnvironmentReader } from './environment.ts';
import { find, type Place } from './packages.ts';

const CLASSES = {
  pino: 'PinoInstrumentation',
  winston: 'WinstonInstrumentation',
  bunyan: 'BunyanInstrumentation',
} as const;

type LoggerName = keyof typeof CLASSES;

const LOGGERS = Object.keys(CLASSES) as LoggerName[];

const packageOf = (logger: LoggerName) => `@opentelemetry/instrumentation-${logger}`;

export interface Bridge {
  readonly logger: LoggerName;
  /** From where its own dependencies are found. */
  readonly place: Place;
}

export function installedBridges(places: readonly Place[]): Bridge[] {
  return LOGGERS.flatMap((logger) => {
    const place = find(packageOf(logger), places);
    return place === undefined ? [] : { logger, place };
  });
}

/** What both generations have in common. */
type Instrumentation = new () => { getConfig(): object };

/** Instruments the loggers when they are loaded. */
export function instrument(
  bridges: readonly Bridge[],
  env: EnvironmentReader,
  claims: Claims,
  announcements: Announcements,
): void {
  for (const { logger, place } of bridges) {
    if (!isWanted(logger, env)) continue;
    try {
      const exports = place.load<Record<string, Instrumentation>>(packageOf(logger));
      const Instrumentation = exports[CLASSES[logger]];
      if (Instrumentation === undefined) continue;
      new (yielding(Instrumentation, () => claims.isOurs(packageOf(logger))))();
    } catch (error) {
      announcements.warn(`${packageOf(logger)} could not be loaded: ${causeOf(error)}`);
    }
  }
}

/** Whether the command line, or `NODE_OPTIONS`, brings them, before this or after it. */
export function bringsAutoInstrumentations(env: EnvironmentReader): boolean {
  return /@opentelemetry[/\\]auto-instrumentations-node/.test(flagsOf(env));
}

function flagsOf(env: EnvironmentReader): string {
  return [...process.execArgv, env.text('NODE_OPTIONS') ?? ''].join(' ');
}

/** The names that auto-instrumentations-node gives them. */
function isWanted(logger: LoggerName, env: EnvironmentReader): boolean {
  const enabled = env.list('OTEL_NODE_ENABLED_INSTRUMENTATIONS');
  const disabled = env.list('OTEL_NODE_DISABLED_INSTRUMENTATIONS') ?? [];
  return (enabled === undefined || enabled.includes(logger)) && !disabled.includes(logger);
}

/** Asked for its settings whenever the application makes a logger. */
function yielding(Base: Instrumentation, isOurs: () => boolean): Instrumentation {
  return class extends Base {
    override getConfig() {
      const config = super.getConfig();
      return isOurs() ? config : { ...config, disableLogSending: true, disableLogCorrelation: true };
    }
  };
}

/** What is said of packages without which nothing would arrive, and nobody would say why. */
export function adviseOnBridges(
  bridges: readonly Bridge[],
  places: readonly Place[],
  announcements: Announcements,
): void {
  if (bridges.length === 0) {
    for (const logger of LOGGERS) {
      if (find(logger, places) === undefined) continue;
      announcements.warn(
        `${logger} is installed, but nothing hands its logs to OpenTelemetry: npm install ${packageOf(logger)}`,
      );
    }
  }
  const winston = bridges.find(({ logger }) => logger === 'winston')?.place;
  const transport = '@opentelemetry/winston-transport';
  if (winston !== undefined && winston.resolve(transport) === undefined) {
    announcements.warn(`what winston logs is not sent without another package: npm install ${transport}`);
  }
}

interface SyncHooks {
  supportsSyncHooks(): boolean;
  register(options: { include: string[] }): void;
}

/**
 * Without a hook what ES modules import is not instrumented, and nobody says so. It is for the loggers alone: to wrap
 * whatever is imported is more than this needs, and some modules do not bear it.
 */
export function hookImports(bridges: readonly Bridge[], env: EnvironmentReader): void {
  if (/(import-in-the-middle|@opentelemetry[/\\]instrumentation)[/\\]hook\.mjs/.test(flagsOf(env))) return;
  const include = bridges.map(({ logger }) => logger);
  const hooked = new Set<string>();
  for (const { place } of bridges) {
    const base = find('@opentelemetry/instrumentation', [place]);
    const hook = base?.resolve('import-in-the-middle/hook.mjs');
    // One for each copy, which as a rule is one.
    if (base === undefined || hook === undefined || hooked.has(hook)) continue;
    hooked.add(hook);
    if (hookSynchronously(base, include)) continue;
    module.register(pathToFileURL(hook), { data: { include } });
  }
}

/** In newer Node and newer copies; what is older has to do without, and what is newest warns of the other way. */
function hookSynchronously(base: Place, include: string[]): boolean {
  try {
    const hooks = base.load<SyncHooks>('import-in-the-middle/register-hooks.mjs');
    if (!hooks.supportsSyncHooks()) return false;
    hooks.register({ include });
    module.registerHooks({ resolve: resolveBuiltin });
    return true;
  } catch {
    return false;
  }
}

/**
 * What Node itself loads for `-e`, `-p` and workers made of text has no parent, and some copies of the hook take that for
 * the file of an application.
 */
const resolveBuiltin: module.ResolveHookSync = (specifier, context, next) => {
  if (context.parentURL !== undefined || !module.isBuiltin(specifier)) return next(specifier, context);
  const url = specifier.startsWith('node:') ? specifier : `node:${specifier}`;
  return { url, format: 'builtin', shortCircuit: true };
};
