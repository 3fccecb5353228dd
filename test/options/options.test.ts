/** Every option that is out of range or of the wrong type fails at construction, by its name. */

import { expect, test } from 'vitest';
import { PLAIN_DEFAULTS } from '../../src/delivery/exporter-adapter.ts';
import { SpillwayLogRecordProcessor } from '../../src/index.ts';
import { checkOptions, resolveSettings } from '../../src/options/settings.ts';
import { ScriptedExporter } from '../support/scripted-exporter.ts';

const MIB = 1024 * 1024;
const exporter = new ScriptedExporter();

const resolve = (options: object = {}, env: Record<string, string> = {}, memoryBytes = 4096 * MIB) => {
  const given = { exporter, ...options };
  checkOptions(given);
  return resolveSettings(given, env, memoryBytes, PLAIN_DEFAULTS);
};

/** Puts a value where a dotted name says: `retry.maxDelayMillis` is an option within the option `retry`. */
function optionAt(name: string, value: unknown): object {
  const [group, inner] = name.split('.') as [string, string?];
  if (inner === undefined) return { [group]: value };
  // A spool has to be somewhere.
  return { [group]: { ...(group === 'spool' && { directory: '/spool' }), [inner]: value } };
}

/** Name, smallest and largest value of every number, and whether fractions are allowed. */
const numbers: [name: string, min: number, max: number, kind?: 'fraction'][] = [
  ['maxQueueSize', 1, 2 ** 31 - 1],
  ['maxExportBatchSize', 1, 2 ** 31 - 1],
  ['scheduledDelayMillis', 0, 2 ** 31 - 1],
  ['exportTimeoutMillis', 0, 2 ** 31 - 1],
  ['maxQueueBytes', 1024, MIB * MIB],
  ['maxExportBatchBytes', 1024, Number.MAX_SAFE_INTEGER],
  ['maxRecordBytes', 1024, Number.MAX_SAFE_INTEGER],
  ['maxConcurrentExports', 1, 64],
  ['protectSeverity', 1, 24],
  ['shed.above', 0, 1, 'fraction'],
  ['shed.belowSeverity', 1, 24],
  ['breaker.failureThreshold', 1, 1_000],
  ['breaker.resetTimeoutMillis', 1, 86_400_000],
  ['breaker.maxResetTimeoutMillis', 1, 86_400_000],
  ['retry.initialDelayMillis', 1, 86_400_000],
  ['retry.maxDelayMillis', 1, 86_400_000],
  ['retry.maxElapsedMillis', 0, Number.POSITIVE_INFINITY],
  ['memoryLimit.softRatio', 0.01, 1, 'fraction'],
  ['memoryLimit.hardRatio', 0.8, 1, 'fraction'],
  ['memoryLimit.checkIntervalMillis', 10, 3_600_000],
  ['shutdown.timeoutMillis', 0, 3_600_000],
  ['spool.maxBytes', MIB, MIB * MIB],
  ['spool.fsyncIntervalMillis', 10, 60_000],
  ['spool.replayShare', 0.01, 0.9, 'fraction'],
  ['spool.maxReplayBytes', 65_536, 1024 * MIB],
  ['spool.spillAfterOpenMillis', 0, 86_400_000],
  ['spool.leaseMillis', 1_000, 600_000],
  ['spool.exitMaxBytes', 0, MIB * MIB],
  ['spool.exitTimeoutMillis', 0, 60_000],
];

const written = (value: unknown): string =>
  typeof value === 'string'
    ? `'${value.replace('\0', '\\u0000')}'`
    : Array.isArray(value)
      ? 'an array'
      : value === Object(value)
        ? 'an object'
        : String(value);

const badNumbers = numbers.flatMap(([name, min, max, kind]) =>
  [
    min - (kind === undefined ? 1 : 0.005),
    ...(max === Number.POSITIVE_INFINITY
      ? []
      : [max + (kind === undefined ? 1 : 0.005), Number.POSITIVE_INFINITY]),
    ...(kind === undefined ? [min + 0.5] : []),
    Number.NaN,
    String(min),
    null,
    true,
    {},
    [min],
    1n,
    Symbol('s'),
  ].map((value) => ({
    name,
    value,
    expected: `${kind === undefined ? 'an integer' : 'a number'} from ${min} to ${max}`,
  })),
);

const strategies = "one of 'graceful', 'flush', 'immediate'";
const badOthers = [
  ...['drop', '', 0, null, {}].map((value) => ({
    name: 'overflow',
    value,
    expected: "one of 'drop-oldest', 'drop-newest'",
  })),
  ...['slow', 1, null].map((value) => ({ name: 'shutdown.strategy', value, expected: strategies })),
  ...['on', 1, null].map((value) => ({
    name: 'spool.mode',
    value,
    expected: "one of 'overflow', 'always'",
  })),
  ...['often', true, null].map((value) => ({
    name: 'spool.fsync',
    value,
    expected: "one of 'never', 'interval', 'always'",
  })),
  ...['', null, 1, {}, 'a\0b'].map((value) => ({
    name: 'spool.directory',
    value,
    expected: 'the path of a directory',
  })),
  ...['on', 1, null].map((value) => ({ name: 'gapMarker', value, expected: 'true or false' })),
  ...['breaker', 'memoryLimit', 'shed', 'spool'].flatMap((name) =>
    [true, null, 1, 'on', []].map((value) => ({ name, value, expected: 'an object or false' })),
  ),
  ...['retry', 'shutdown'].flatMap((name) =>
    [false, true, null, 1, 'on', []].map((value) => ({ name, value, expected: 'an object' })),
  ),
  ...['meterProvider', 'selfObsMeterProvider'].flatMap((name) =>
    [null, {}, 'global'].map((value) => ({
      name,
      value,
      expected: 'a MeterProvider (an object with getMeter())',
    })),
  ),
  ...['onDrop', 'onBreakerStateChange', 'onError'].flatMap((name) =>
    [null, {}, 'log'].map((value) => ({ name, value, expected: 'a function' })),
  ),
  ...[null, {}, { export() {} }, { shutdown() {} }].map((value) => ({
    name: 'exporter',
    value,
    expected: 'a LogRecordExporter (an object with export() and shutdown())',
  })),
];

test.each([...badNumbers, ...badOthers])('the option $name cannot be $value', ({ name, value, expected }) => {
  const message = `otel-spillway: option '${name}' must be ${expected}, got ${written(value)}`;
  expect(() => new SpillwayLogRecordProcessor({ exporter, ...optionAt(name, value) })).toThrow(
    expect.objectContaining({ name: 'SpillwayError', code: 'ERR_SPILLWAY_OPTION', message }),
  );
});

/** What no other option leaves more room for than this. */
const MOST: Readonly<Record<string, number>> = {
  maxExportBatchSize: 2 ** 30,
  maxExportBatchBytes: (MIB * MIB) / 2,
  maxRecordBytes: (MIB * MIB) / 2,
};

test.each(numbers)('the option %s can be either end of its range', (name, min, max) => {
  for (const value of [min, max]) {
    const [group, inner] = name.split('.') as [string, string?];
    // With room for the ones that another option would clamp.
    const room = { maxQueueSize: 2 ** 31 - 1, maxQueueBytes: MIB * MIB, maxExportBatchBytes: MIB * MIB };
    const wide = {
      breaker: { maxResetTimeoutMillis: 86_400_000 },
      retry: { maxDelayMillis: 86_400_000 },
      spool: { directory: '/spool' },
    };
    const settings = resolve({
      ...room,
      ...(inner === undefined
        ? optionAt(name, value)
        : { [group]: { ...wide[group as 'retry'], [inner]: value } }),
    });
    const found = settings[group as 'retry'] as unknown;
    const resolved = inner === undefined ? found : (found as Record<string, unknown>)[inner];
    expect(resolved).toBe(Math.min(value, MOST[name] ?? value));
  }
});

test.each<[string, unknown[]]>([
  ['alone', [exporter]],
  ['with the options beside it', [exporter, { maxQueueSize: 100 }]],
])('an exporter in the place of the options, %s, fails with the right way to write it', (_, args) => {
  const construct = () => new SpillwayLogRecordProcessor(...(args as []));
  expect(construct).toThrow(expect.objectContaining({ code: 'ERR_SPILLWAY_OPTION' }));
  expect(construct).toThrow(
    'otel-spillway: the exporter is an option: write new SpillwayLogRecordProcessor({ exporter }), with the other options beside it',
  );
});

test('options that are not an object are refused, and errors describe long strings and functions briefly', () => {
  for (const options of [null, 'options']) {
    expect(() => new SpillwayLogRecordProcessor(options as never)).toThrow(
      /option 'options' must be an object/,
    );
  }
  expect(() => resolve({ overflow: 'x'.repeat(500) })).toThrow(/got 'x{100}…'$/);
  expect(() => resolve({ maxQueueSize: () => 1 })).toThrow(/got a function$/);
});

test('the resolved settings are frozen', () => {
  const settings = resolve({ shed: {} });
  for (const part of [
    settings,
    settings.breaker,
    settings.retry,
    settings.shed,
    settings.memoryLimit,
    settings.shutdown,
  ]) {
    expect(part).toBeDefined();
    expect(Object.isFrozen(part)).toBe(true);
  }
});

test('a hard ratio below the soft one is refused as out of range', () => {
  expect(() => resolve({ memoryLimit: { softRatio: 0.7, hardRatio: 0.6 } })).toThrow(
    "option 'memoryLimit.hardRatio' must be a number from 0.7 to 1, got 0.6",
  );
});
