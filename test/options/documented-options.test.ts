/** What the docstrings and the page of options promise of numbers, held against what the code does. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { SpillwayError } from '../../src/common/errors.ts';
import { PLAIN_DEFAULTS } from '../../src/delivery/exporter-adapter.ts';
import type { SpillwayOptions } from '../../src/options/options.ts';
import { resolveSettings } from '../../src/options/settings.ts';
import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import type { OtlpLogExporterOptions } from '../../src/otlp/options.ts';

const root = join(import.meta.dirname, '../..');
const UNITS: Record<string, number> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };
const GROUPS: Record<string, string> = {
  BreakerOptions: 'breaker',
  RetryOptions: 'retry',
  MemoryLimitOptions: 'memoryLimit',
  ShedOptions: 'shed',
  ShutdownOptions: 'shutdown',
  SpoolOptions: 'spool',
};

interface Documented {
  /** As it is written in a page: `breaker.failureThreshold`. */
  readonly path: string;
  readonly isNumber: boolean;
  /** On one line. */
  readonly text: string;
}

function documented(file: string, isWanted: (name: string) => boolean): Documented[] {
  const text = readFileSync(join(root, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  return source.statements.filter(ts.isInterfaceDeclaration).flatMap(({ name: { text: owner }, members }) =>
    members.filter(ts.isPropertySignature).flatMap((member) => {
      if (!isWanted(owner)) return [];
      const name = member.name.getText();
      const comments = ts.getJSDocCommentsAndTags(member).map((comment) => comment.getText());
      return {
        path: owner in GROUPS ? `${GROUPS[owner]}.${name}` : name,
        isNumber: member.type?.kind === ts.SyntaxKind.NumberKeyword,
        text: comments.join(' ').replace(/\s*\n\s*\*\s*/g, ' '),
      };
    }),
  );
}

const ofProcessor = documented('src/options/options.ts', (name) => name.endsWith('Options'));
const ofExporter = documented('src/otlp/options.ts', (name) => name === 'OtlpLogExporterOptions');

function numberOf(words: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^([\d.,]+)(?: ([KMGT]iB))?/.exec(words ?? '') ?? [];
  if (words?.startsWith('`Infinity`')) return Number.POSITIVE_INFINITY;
  return digits === undefined
    ? undefined
    : Number(digits.replace(/[,.]$/, '').replaceAll(',', '')) * (UNITS[unit] ?? 1);
}

const defaultIn = (text: string) => numberOf(/Default (.*)/.exec(text)?.[1]);
const leastIn = (text: string) =>
  numberOf(/[Rr]ange (.*)/.exec(text)?.[1]) ?? numberOf(/Less than (.*) is an error/.exec(text)?.[1]);
const mostIn = (text: string) =>
  numberOf(/[Rr]ange \S+(?: [KMGT]iB)?(?: \([^)]*\))? to\s(.*)/.exec(text)?.[1]);

const at = (value: object, path: string) =>
  path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], value);

function withValue(path: string, value: number): SpillwayOptions {
  const [group = '', name] = path.split('.');
  if (name === undefined) return { [group]: value };
  return { [group]: { ...(group === 'spool' && { directory: 'logs' }), [name]: value } };
}

const settingsOf = (options: SpillwayOptions, env = {}) =>
  resolveSettings(options, env, 1024 ** 4, PLAIN_DEFAULTS);

function errorOf(construct: () => unknown): unknown {
  try {
    construct();
    return undefined;
  } catch (error) {
    return error;
  }
}

function expectRefused(construct: () => unknown, path: string) {
  const error = errorOf(construct);
  expect(error).toBeInstanceOf(SpillwayError);
  expect(error).toMatchObject({ code: 'ERR_SPILLWAY_OPTION', message: expect.stringContaining(`'${path}'`) });
}

const numbersOfProcessor = ofProcessor.filter(({ isNumber }) => isNumber);
const numbersOfExporter = ofExporter.filter(({ isNumber }) => isNumber);

describe('docstrings of the options of the processor', () => {
  const defaults = settingsOf({ shed: {}, spool: { directory: 'logs' } });

  test.for(numbersOfProcessor)('the docstring of the option $path says its default', ({ path, text }) => {
    if (/Default: (off|1, as)|Default\s5 %|Default the larger/.test(text)) return;
    expect(defaultIn(text)).toBe(at(defaults, path));
  });

  test.for(numbersOfProcessor)(
    'a value of $path below the least in its docstring is an error',
    ({ path, text }) => {
      const least = path === 'memoryLimit.hardRatio' ? 0.8 : leastIn(text);
      expect(least).toBeTypeOf('number');
      expect(errorOf(() => settingsOf(withValue(path, least as number)))).toBeUndefined();
      const isShare = (least as number) < 1 && (least as number) > 0;
      expectRefused(() => settingsOf(withValue(path, (least as number) - (isShare ? 0.001 : 1))), path);
      expectRefused(() => settingsOf(withValue(path, Number.NaN)), path);
    },
  );

  test.for(numbersOfProcessor)(
    'a value of $path above the greatest in its docstring is an error, or is reduced as the docstring says',
    ({ path, text }) => {
      const most = mostIn(text);
      if (most === undefined) {
        expect(text).toMatch(/is\s+reduced\s+to\s+that\s+with\s+a\s+warning/);
        expect(errorOf(() => settingsOf(withValue(path, Number.MAX_SAFE_INTEGER)))).toBeUndefined();
        return;
      }
      expect(errorOf(() => settingsOf(withValue(path, most)))).toBeUndefined();
      if (most < Number.POSITIVE_INFINITY) expectRefused(() => settingsOf(withValue(path, most + 1)), path);
    },
  );

  test.for(ofProcessor.filter(({ text }) => text.includes('OTEL_BLRP_')))(
    'the option $path wins over the variable that its docstring names',
    ({ path, text }) => {
      const [variable = ''] = /OTEL_BLRP_\w+/.exec(text) ?? [];
      expect(at(settingsOf({}, { [variable]: '7' }), path)).toBe(7);
      expect(at(settingsOf(withValue(path, 9), { [variable]: '7' }), path)).toBe(9);
    },
  );
});

describe('docstrings of the options of the exporter', () => {
  const configOf = (options: OtlpLogExporterOptions) => resolveOtlpConfig(options, {});

  test.for(numbersOfExporter)(
    "the docstring of the exporter's option $path says its default and its range",
    ({ path, text }) => {
      expect(defaultIn(text)).toBe(at(configOf({}), path));
      const [least, most] = [leastIn(text), mostIn(text)];
      for (const value of [least, most]) expect(errorOf(() => configOf({ [path]: value }))).toBeUndefined();
      expectRefused(() => configOf({ [path]: (least as number) - 1 }), path);
      expectRefused(() => configOf({ [path]: (most as number) + 1 }), path);
    },
  );
});

describe('the page of options', () => {
  const rows = readFileSync(join(root, 'docs/options.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const cellsOf = (path: string) => rows.find(([, name]) => name?.startsWith(`\`${path}\``));

  test('the page of options has a row for every option of the processor', () => {
    const left = ofProcessor.map(({ path }) => path).filter((path) => cellsOf(path) === undefined);
    // Groups whose members have rows, and a name that a note explains.
    expect(left).toEqual(['retry', 'shutdown', 'selfObsMeterProvider']);
  });

  test.for(numbersOfProcessor)(
    'the page of options gives $path the same range and variable as the docstring',
    ({ path, text }) => {
      const [, , , , range = '', variable = ''] = cellsOf(path) ?? [];
      expect(numberOf(range)).toBe(path === 'memoryLimit.hardRatio' ? undefined : leastIn(text));
      expect(variable.replaceAll('`', '')).toBe(/OTEL_BLRP_\w+/.exec(text)?.[0] ?? '');
    },
  );
});
