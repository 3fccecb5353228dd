/** The variables of `register`: the table, the page, and the options say the same, and values get where they belong. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveSettings } from '../../src/options/settings.ts';
import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import { OptionsFromEnvironment } from '../../src/register/options.ts';
import {
  EnvironmentReader,
  LOGS_EXPORTER,
  SIGNALS,
  unknownVariables,
  VARIABLES,
} from '../../src/register/variables.ts';

const root = join(import.meta.dirname, '../..');

/** Cells of a table whose rows begin with a name in code. */
function rowsOf(page: string): string[][] {
  return readFileSync(join(root, page), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

function optionsOf(env: NodeJS.ProcessEnv) {
  const warnings: string[] = [];
  const reader = new EnvironmentReader(env, (message) => warnings.push(message));
  const options = new OptionsFromEnvironment(reader).construct(({ exporter, ...given }) => {
    resolveOtlpConfig((exporter as object | undefined) ?? {}, {});
    resolveSettings(given, {}, 1024 ** 4, { maxExportBatchSize: 512, maxConcurrentExports: 1 });
    return { ...given, exporter } as Record<string, unknown>;
  });
  return { options, warnings };
}

const at = (value: unknown, path: string) =>
  path.split('.').reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);

/** Names of options as in `docs/options.md`, without the signs of its notes. */
const options = rowsOf('docs/options.md').map(([name = '', , , range = '', variable = '']) => ({
  name: name.replace(/ .*/, ''),
  range,
  variable,
}));

test('the page of register lists every variable, with its option', () => {
  const documented = rowsOf('docs/register.md').filter(([name]) => name?.startsWith('OTEL_SPILLWAY_'));
  expect(documented.map(([name, option]) => [name, option])).toEqual([
    ...VARIABLES.map(({ name, option }) => [name, option]),
    [LOGS_EXPORTER, ''],
    [SIGNALS, 'signals'],
  ]);
});

test('every option that a text can express has a variable, its own or one of OpenTelemetry', () => {
  const isCode = ({ range }: { range: string }) => /function|MeterProvider|LogRecordExporter/.test(range);
  const named = new Set(VARIABLES.map(({ option }) => option));
  const left = options.filter(
    (option) => !isCode(option) && option.variable === '' && !named.has(option.name),
  );
  // On where there is a directory.
  expect(left.map(({ name }) => name)).toEqual(['spool']);
});

test('no variable is for an option that has one of OpenTelemetry, or that there is not', () => {
  const own = options.filter(({ variable }) => variable === '').map(({ name }) => name);
  const exporter = rowsOf('docs/exporter.md').map(([name]) => `exporter.${name}`);
  for (const { option } of VARIABLES) expect([...own, ...exporter]).toContain(option);
});

const SAMPLES: Record<string, string> = {
  'spool.directory': '/var/spool/shop',
  'spool.mode': 'always',
  'spool.fsync': 'never',
  overflow: 'drop-newest',
  'shutdown.strategy': 'flush',
  'exporter.userAgent': 'shop/1',
};

const ranges = new Map([
  ...options.map(({ name, range }) => [name, range] as const),
  ...rowsOf('docs/exporter.md').map(([name, , , range = '']) => [`exporter.${name}`, range] as const),
]);

/** The least that the pages allow. */
function leastOf(option: string): string {
  if (option === 'memoryLimit.hardRatio') return '0.8';
  const [, digits = '', unit = ''] = /^([\d.,]+)(?: ([KM]iB))?/.exec(ranges.get(option) ?? '') ?? [];
  return String(Number(digits.replaceAll(',', '')) * ({ KiB: 1024, MiB: 1024 ** 2 }[unit] ?? 1));
}

test.for(VARIABLES.filter(({ kind }) => kind === 'number' || kind === 'text'))(
  '$name sets $option, and a wrong value is said once and ignored',
  ({ name, option, kind }) => {
    const spool = option.startsWith('spool.') ? { OTEL_SPILLWAY_SPOOL_DIRECTORY: '/var/spool/shop' } : {};
    const sample = SAMPLES[option] ?? leastOf(option);
    const right = optionsOf({ ...spool, [name]: ` ${sample} ` });
    expect(right.warnings).toEqual([]);
    expect(at(right.options, option)).toBe(kind === 'number' ? Number(sample) : sample);
    const wrong = optionsOf({ ...spool, [name]: kind === 'number' ? '-1' : '\u0000\n' });
    expect(wrong.warnings).toEqual([
      expect.stringMatching(`^environment variable ${name} must be .*; it is ignored$`),
    ]);
    expect(at(wrong.options, option)).toBeUndefined();
  },
);

test('Groups are switched on and off, and what is off has no members', () => {
  const { options: given, warnings } = optionsOf({
    OTEL_SPILLWAY_SHED: 'TRUE',
    OTEL_SPILLWAY_BREAKER: 'false',
    OTEL_SPILLWAY_BREAKER_FAILURE_THRESHOLD: '3',
    OTEL_SPILLWAY_GAP_MARKER: 'false',
    OTEL_SPILLWAY_MEMORY_LIMIT: '',
    OTEL_SPILLWAY_RETRY_MAX_ELAPSED_MILLIS: 'Infinity',
  });
  expect(warnings).toEqual([]);
  expect(given).toEqual({
    shed: {},
    breaker: false,
    gapMarker: false,
    retry: { maxElapsedMillis: Number.POSITIVE_INFINITY },
    exporter: undefined,
  });
});

test('what belongs to a spool is said to be of no use without a directory', () => {
  const { options: given, warnings } = optionsOf({ OTEL_SPILLWAY_SPOOL_MODE: 'always' });
  expect(given).not.toHaveProperty('spool');
  expect(warnings).toEqual([
    expect.stringContaining('OTEL_SPILLWAY_SPOOL_MODE must be beside OTEL_SPILLWAY_SPOOL_DIRECTORY'),
  ]);
});

test('a name that is misspelt is known to be none', () => {
  expect(unknownVariables(['OTEL_SPILLWAY_SPOOL', 'OTEL_SPILLWAY_OVERFLOW', LOGS_EXPORTER, 'PATH'])).toEqual([
    'OTEL_SPILLWAY_SPOOL',
  ]);
});
