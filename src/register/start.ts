/** The steps of `register`: settings from the environment, packages from the places of the application. */

import { isMainThread } from 'node:worker_threads';
import type { Resource } from '@opentelemetry/resources';
import { quietly } from '../common/errors.ts';
import { Announcements } from './announcements.ts';
import {
  adviseOnBridges,
  bringsAutoInstrumentations,
  Claims,
  hookImports,
  installedBridges,
  instrument,
} from './bridges.ts';
import { OptionsFromEnvironment } from './options.ts';
import {
  type Api,
  type ApiLogs,
  find,
  isLoggerProviderRegistered,
  type Library,
  type Place,
  placesOfApplication,
  type Resources,
  registered,
  type SdkLogs,
} from './packages.ts';
import { EnvironmentReader, LOGS_EXPORTER, SIGNALS, unknownVariables } from './variables.ts';

type Provider = InstanceType<SdkLogs['LoggerProvider']>;

const STOCK_LOGS_EXPORTER = 'OTEL_LOGS_EXPORTER';
const LOG_LEVELS = ['NONE', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'VERBOSE', 'ALL'] as const;
const SIGNAL_NAMES = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGBREAK', 'SIGUSR1', 'SIGUSR2'] as const;

/** @param load returns this package or throws, for instance if peers are missing. @param own the URL of this package. */
export function start(load: () => Library, own: string): void {
  const announcements = new Announcements();
  const env = new EnvironmentReader(process.env, (message) => announcements.warn(message));
  let api: Api | undefined;
  try {
    if (env.boolean('OTEL_SDK_DISABLED') === true || !wantsLogs(env, announcements)) return;
    const places = placesOfApplication(own);
    const sdk = find('@opentelemetry/sdk-logs', places);
    if (sdk?.resolve('@opentelemetry/api') === undefined) {
      announcements.warn(
        'no logs are collected without the SDK: npm install @opentelemetry/sdk-logs @opentelemetry/api',
      );
      return;
    }
    api = sdk.load<Api>('@opentelemetry/api');
    announcements.listen(api);
    if (isLoggerProviderRegistered()) {
      announcements.warn(
        `another LoggerProvider is registered already, and stays: let otel-spillway/register come first (--require comes before --import), or set ${STOCK_LOGS_EXPORTER}=none and ${LOGS_EXPORTER}=otlp`,
      );
      return;
    }
    for (const name of unknownVariables(env.names)) announcements.warn(`unknown variable ${name} is ignored`);
    setUp(load(), api, sdk, places, env, announcements);
  } catch (error) {
    announcements.failed(error);
  } finally {
    announcements.deliver(() => listenAsAsked(api, env, announcements));
  }
}

function wantsLogs(env: EnvironmentReader, announcements: Announcements): boolean {
  const variable = env.text(LOGS_EXPORTER) === undefined ? STOCK_LOGS_EXPORTER : LOGS_EXPORTER;
  const exporters = env.list(variable) ?? ['otlp'];
  if (exporters.includes('none')) return false;
  const others = exporters.filter((name) => name !== 'otlp');
  if (others.length > 0) {
    announcements.warn(
      `environment variable ${variable} asks for ${others.join(', ')}: otel-spillway/register sends OTLP alone (otlp, or none); for another exporter, construct the SpillwayLogRecordProcessor in code`,
    );
  }
  return exporters.includes('otlp');
}

function setUp(
  library: Library,
  api: Api,
  sdk: Place,
  places: readonly Place[],
  env: EnvironmentReader,
  announcements: Announcements,
): void {
  const processor = new OptionsFromEnvironment(env).construct(({ exporter, ...options }) => {
    return new library.SpillwayLogRecordProcessor({
      ...options,
      exporter: new library.SpillwayOtlpLogExporter(exporter as object | undefined),
    });
  });
  // A spool on a disk that fails is no error of an option, and said to a diag logger by the processor itself.
  if (env.text('OTEL_LOG_LEVEL') === undefined)
    processor.health().reasons.forEach(announcements.warn, announcements);
  const claims = new Claims(keepLogs);
  const provider = new (observed(sdk.load<SdkLogs>('@opentelemetry/sdk-logs'), claims))({
    resource: resourceFrom(env, sdk.load<Resources>('@opentelemetry/resources')),
    processors: [processor],
    logRecordLimits: limitsFrom(env),
  });
  const bridges = installedBridges(places);
  registerEverywhere(provider, api, [sdk, ...places, ...bridges.map(({ place }) => place)]);
  if (isMainThread) endOnSignals(provider, library, env);
  if (bringsAutoInstrumentations(env)) {
    keepLogs();
  } else {
    instrument(bridges, env, claims, announcements);
    adviseOnBridges(bridges, places, announcements);
  }
  claims.open();
  hookImports(bridges, env);
  announcements.info('collecting logs');
}

function observed({ LoggerProvider }: SdkLogs, claims: Claims): SdkLogs['LoggerProvider'] {
  return class extends LoggerProvider {
    override getLogger(...args: Parameters<Provider['getLogger']>) {
      claims.asked(args[0]);
      return super.getLogger(...args);
    }
  };
}

function limitsFrom(env: EnvironmentReader): {
  attributeCountLimit?: number;
  attributeValueLengthLimit?: number;
} {
  const limit = (name: string) =>
    env.positiveInteger(`OTEL_LOGRECORD_${name}`) ?? env.positiveInteger(`OTEL_${name}`);
  const attributeCountLimit = limit('ATTRIBUTE_COUNT_LIMIT');
  const attributeValueLengthLimit = limit('ATTRIBUTE_VALUE_LENGTH_LIMIT');
  return {
    ...(attributeCountLimit !== undefined && { attributeCountLimit }),
    ...(attributeValueLengthLimit !== undefined && { attributeValueLengthLimit }),
  };
}

/** In both logs APIs: the release of a bridge decides which of them it uses. */
function registerEverywhere(provider: Provider, { logs }: Partial<Api>, places: readonly Place[]): void {
  logs?.setGlobalLoggerProvider(provider);
  const transports = places.flatMap((place) => find('@opentelemetry/winston-transport', [place]) ?? []);
  for (const place of [...places, ...transports]) {
    if (place.resolve('@opentelemetry/api-logs') === undefined) continue;
    const older = place.load<ApiLogs>('@opentelemetry/api-logs');
    // All copies of the package share one slot.
    older.logs.setGlobalLoggerProvider(
      provider as unknown as Parameters<typeof older.logs.setGlobalLoggerProvider>[0],
    );
    return;
  }
}

/** An application that listens for the signal may continue and log: it is left running, and only a flush is made. */
function endOnSignals(provider: Provider, { shutdownOnSignals }: Library, env: EnvironmentReader): void {
  const wanted = env.list(SIGNALS) ?? ['SIGTERM', 'SIGINT'];
  const names = SIGNAL_NAMES.filter((name) => wanted.includes(name));
  if (wanted.some((name) => name !== 'none' && !(SIGNAL_NAMES as readonly string[]).includes(name))) {
    env.wrong(SIGNALS, `'none', or of ${SIGNAL_NAMES.join(', ')}`);
  }
  for (const signal of names) {
    const shutdown = () => (process.listenerCount(signal) > 0 ? provider.forceFlush() : provider.shutdown());
    shutdownOnSignals({ shutdown }, { signals: [signal] });
  }
}

/** Like NodeSDK, prints only if `OTEL_LOG_LEVEL` is set. */
function listenAsAsked(api: Api | undefined, env: EnvironmentReader, announcements: Announcements): void {
  const text = env.text('OTEL_LOG_LEVEL');
  if (text === undefined || api === undefined || registered('diag') !== undefined) return;
  // A second logger would only complain about the first.
  if (bringsAutoInstrumentations(env)) return;
  const level = LOG_LEVELS.find((name) => name === text.toUpperCase());
  if (level === undefined) {
    announcements.warn(
      `environment variable OTEL_LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}, got '${text}'; INFO holds`,
    );
  }
  const { diag, DiagConsoleLogger, DiagLogLevel } = api;
  diag.setLogger(new DiagConsoleLogger(), { logLevel: DiagLogLevel[level ?? 'INFO'] });
}

/** Keeps a later SDK from sending logs as well. Child processes inherit `none`, so the other variable overrides it. */
function keepLogs(): void {
  quietly(() => {
    process.env[LOGS_EXPORTER] ??= 'otlp';
    process.env[STOCK_LOGS_EXPORTER] = 'none';
  });
}

const VARIABLE = 'OTEL_NODE_RESOURCE_DETECTORS';

/** The resource as NodeSDK builds it, from `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` and detectors. */
function resourceFrom(env: EnvironmentReader, resources: Resources): Resource {
  const known = new Map([
    ['serviceinstance', resources.serviceInstanceIdDetector],
    ['process', resources.processDetector],
    ['host', resources.hostDetector],
    ['os', resources.osDetector],
    ['env', resources.envDetector],
  ]);
  const wanted = env.list(VARIABLE) ?? ['all'];
  const unknown = wanted.filter((name) => !known.has(name) && name !== 'all' && name !== 'none');
  if (unknown.length > 0) {
    env.wrong(VARIABLE, `'all', 'none', or of ${[...known.keys()].join(', ')} (not ${unknown.join(', ')})`);
  }
  const names = wanted.includes('all') ? [...known.keys()] : wanted.includes('none') ? [] : wanted;
  const detectors = names.flatMap((name) => known.get(name) ?? []);
  return resources.defaultResource().merge(resources.detectResources({ detectors }));
}
