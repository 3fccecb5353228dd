/** Loads the installed instrumentations that pass logs of pino, winston and bunyan to OpenTelemetry. */

import * as module from 'node:module';
import { pathToFileURL } from 'node:url';
import { causeOf } from '../common/errors.ts';
import type { Announcements } from './announcements.ts';
import { find, type Place } from './packages.ts';
import type { EnvironmentReader } from './variables.ts';

const CLASSES = {
  pino: 'PinoInstrumentation',
  winston: 'WinstonInstrumentation',
  bunyan: 'BunyanInstrumentation',
} as const;

type LoggerName = keyof typeof CLASSES;

const LOGGERS = Object.keys(CLASSES) as LoggerName[];

const INSTRUMENTATION = '@opentelemetry/instrumentation-';

const packageOf = (logger: LoggerName) => `${INSTRUMENTATION}${logger}`;

export interface Bridge {
  readonly logger: LoggerName;
  /** Where the instrumentation is: its dependencies resolve from here. */
  readonly place: Place;
}

export function installedBridges(places: readonly Place[]): Bridge[] {
  return LOGGERS.flatMap((logger) => {
    const place = find(packageOf(logger), places);
    return place === undefined ? [] : { logger, place };
  });
}

/** Common to both generations of instrumentations. */
type Instrumentation = new () => { getConfig(): object };

/** An instrumentation patches its logger when the application loads that. */
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

/** Whether the command line or `NODE_OPTIONS` loads auto-instrumentations-node, before or after this module. */
export function bringsAutoInstrumentations(env: EnvironmentReader): boolean {
  return /@opentelemetry[/\\]auto-instrumentations-node/.test(flagsOf(env));
}

function flagsOf(env: EnvironmentReader): string {
  return [...process.execArgv, env.text('NODE_OPTIONS') ?? ''].join(' ');
}

/** Reads the variables of auto-instrumentations-node. */
function isWanted(logger: LoggerName, env: EnvironmentReader): boolean {
  const enabled = env.list('OTEL_NODE_ENABLED_INSTRUMENTATIONS');
  const disabled = env.list('OTEL_NODE_DISABLED_INSTRUMENTATIONS') ?? [];
  return (enabled === undefined || enabled.includes(logger)) && !disabled.includes(logger);
}

/** `getConfig` is called whenever the application creates a logger. */
function yielding(Base: Instrumentation, isOurs: () => boolean): Instrumentation {
  return class extends Base {
    override getConfig() {
      const config = super.getConfig();
      return isOurs() ? config : { ...config, disableLogSending: true, disableLogCorrelation: true };
    }
  };
}

/** Warns of missing packages without which logs would be lost silently. */
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

/** Without a hook, ES modules are silently not instrumented. Only loggers are wrapped: some other modules would break. */
export function hookImports(bridges: readonly Bridge[], env: EnvironmentReader): void {
  if (/(import-in-the-middle|@opentelemetry[/\\]instrumentation)[/\\]hook\.mjs/.test(flagsOf(env))) return;
  const include = bridges.map(({ logger }) => logger);
  const hooked = new Set<string>();
  for (const { place } of bridges) {
    const base = find('@opentelemetry/instrumentation', [place]);
    const hook = base?.resolve('import-in-the-middle/hook.mjs');
    // One hook for each copy of the package; usually there is one.
    if (base === undefined || hook === undefined || hooked.has(hook)) continue;
    hooked.add(hook);
    if (hookSynchronously(base, include)) continue;
    module.register(pathToFileURL(hook), { data: { include } });
  }
}

/** For newer Node and newer copies of the hook. Others need `module.register`, of which the newest Node warns. */
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

/** Builtins loaded by Node for `-e`, `-p` and workers from text have no parent: some hooks take them for user files. */
const resolveBuiltin: module.ResolveHookSync = (specifier, context, next) => {
  if (context.parentURL !== undefined || !module.isBuiltin(specifier)) return next(specifier, context);
  const url = specifier.startsWith('node:') ? specifier : `node:${specifier}`;
  return { url, format: 'builtin', shortCircuit: true };
};

/**
 * Decides who instruments a logger, this package or an SDK of the application: if both did, records would be sent twice.
 * On construction, an instrumentation asks the registered provider for a logger, with its package name. Those of the
 * application are constructed before the application creates its first logger, or they patch nothing.
 */
export class Claims {
  readonly #ours = new Set<string>();
  readonly #theirs = new Set<string>();
  readonly #onOthers: () => void;
  #isOpen = false;

  /** @param onOthers called when another instrumentation appears: an SDK is about to start. */
  constructor(onOthers: () => void) {
    this.#onOthers = onOthers;
  }

  /** Instrumentations constructed from now on are not this package's. */
  open(): void {
    this.#isOpen = true;
  }

  /** Called when the provider is asked for a logger. */
  asked(scope: string): void {
    if (!this.#isOpen || !scope.startsWith(INSTRUMENTATION) || this.#ours.has(scope)) return;
    this.#theirs.add(scope);
    this.#onOthers();
  }

  /** Called when the application creates a logger. @returns whether this package's instrumentation sends its records. */
  isOurs(instrumentation: string): boolean {
    if (!this.#isOpen) return true;
    if (this.#theirs.has(instrumentation)) return false;
    this.#ours.add(instrumentation);
    return true;
  }
}
