/** Checks single values: bad options throw a coded error, bad environment variables are reported and ignored. */

import { diag } from '@opentelemetry/api';
import { messageOf, quietly, SpillwayError } from './errors.ts';
import { visible } from './visible-text.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Integers up to here must be accepted (specification, "Environment Variable Specification", numeric types). */
export const INT32_MAX = 0x7fff_ffff;

export interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly default: number;
  /** Whether fractions are allowed; otherwise an integer, or Infinity if `max` is. */
  readonly fraction?: boolean;
}

export function invalid(name: string, expected: string, value: unknown): SpillwayError {
  return new SpillwayError(
    'ERR_SPILLWAY_OPTION',
    `otel-spillway: option '${name}' must be ${expected}, got ${describe(value)}`,
  );
}

/** Reports a setting that is not used as it was given. */
export function warn(message: string): void {
  quietly(() => diag.warn(`otel-spillway: ${message}`));
}

export function warnOfUnknownOptions(options: object, known: Readonly<Record<string, true>>): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(known, name)) warn(`unknown option '${name}' is ignored`);
  }
}

export function numberOption(value: unknown, name: string, range: NumberRange): number {
  if (value === undefined) return range.default;
  if (!isInRange(value, range)) throw invalid(name, describeRange(range), value);
  return value;
}

/** Unset if empty; a bad value is ignored (specification, "Environment Variable Specification", numeric types). */
export function numberFromEnvironment(env: Environment, name: string, range: NumberRange): number {
  const text = env[name]?.trim();
  if (text === undefined || text === '') return range.default;
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (isInRange(value, range)) return value;
  warn(`environment variable ${name} must be ${describeRange(range)}, got ${describe(text)}; it is ignored`);
  return range.default;
}

export function choiceOption<T extends string>(
  value: unknown,
  name: string,
  allowed: readonly T[],
  otherwise: T,
): T {
  if (value === undefined) return otherwise;
  if (!allowed.includes(value as T)) throw invalid(name, `one of ${allowed.map(describe).join(', ')}`, value);
  return value as T;
}

/** @returns whether the group is enabled, that is, not `false`. */
export function flag<T extends object>(value: T | false | undefined, name: string): value is T | undefined {
  if (value === false) return false;
  objectOption(value, name, 'an object or false');
  return true;
}

export function objectOption<T extends object>(
  value: T | undefined,
  name: string,
  expected = 'an object',
): Partial<T> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(name, expected, value);
  return value;
}

/** Warns of options without a setting of the same name, which are most likely misspelt. */
export function resolvedGroup<T extends object>(given: object, name: string, settings: T): Readonly<T> {
  for (const key of Object.keys(given)) {
    if (!(key in settings)) warn(`unknown option '${name}.${key}' is ignored`);
  }
  return Object.freeze(settings);
}

export function booleanOption(value: unknown, name: string, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value !== 'boolean') throw invalid(name, 'true or false', value);
  return value;
}

export function functionOrUndefined(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'function') throw invalid(name, 'a function', value);
}

function isInRange(value: unknown, range: NumberRange): value is number {
  return (
    typeof value === 'number' &&
    value >= range.min &&
    value <= range.max &&
    (range.fraction === true || Number.isInteger(value) || value === Number.POSITIVE_INFINITY)
  );
}

function describeRange(range: NumberRange): string {
  return `${range.fraction ? 'a number' : 'an integer'} from ${range.min} to ${range.max}`;
}

function describe(value: unknown): string {
  if (typeof value === 'string')
    return `'${visible(value.length > 100 ? `${value.slice(0, 100)}…` : value)}'`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return messageOf(value);
}
