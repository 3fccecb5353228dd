/** Checks single values: of options, which fail with a coded error, and of the environment, which are reported and ignored. */

import { diag } from '@opentelemetry/api';
import { messageOf, SpillwayError } from './errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Every integer up to here must be taken (specification, "Environment Variable Specification", numeric types). */
export const INT32_MAX = 0x7fff_ffff;

export interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly default: number;
  /** Whether the number may have a fraction; otherwise it is an integer (or Infinity, where `max` is). */
  readonly fraction?: boolean;
}

/** The error for an option: it names the option, what it may be, and what it was. */
export function invalid(name: string, expected: string, value: unknown): SpillwayError {
  return new SpillwayError(
    'ERR_SPILLWAY_OPTION',
    `otel-spillway: option '${name}' must be ${expected}, got ${describe(value)}`,
  );
}

/** @param known the names there are. */
export function warnOfUnknownOptions(options: object, known: Readonly<Record<string, true>>): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(known, name)) diag.warn(`otel-spillway: unknown option '${name}' is ignored`);
  }
}

export function numberOption(value: unknown, name: string, range: NumberRange): number {
  if (value === undefined) return range.default;
  if (!isInRange(value, range)) throw invalid(name, describeRange(range), value);
  return value;
}

/**
 * A numeric environment variable, by the rules of the OpenTelemetry specification ("Environment Variable
 * Specification", numeric types): empty is unset; what cannot be parsed or is out of range is warned of
 * and ignored.
 */
export function numberFromEnvironment(env: Environment, name: string, range: NumberRange): number {
  const text = env[name]?.trim();
  if (text === undefined || text === '') return range.default;
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (isInRange(value, range)) return value;
  diag.warn(
    `otel-spillway: environment variable ${name} must be ${describeRange(range)}, got ${describe(text)}; it is ignored`,
  );
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

/** Whether a group of options is wanted: an object or undefined, not `false`. */
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

/** A group's settings, which have the names of its options. What else was given is warned of: a misspelt name, most likely. */
export function resolvedGroup<T extends object>(given: object, name: string, settings: T): Readonly<T> {
  for (const key of Object.keys(given)) {
    if (!(key in settings)) diag.warn(`otel-spillway: unknown option '${name}.${key}' is ignored`);
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
  if (typeof value === 'string') return `'${value.length > 100 ? `${value.slice(0, 100)}…` : value}'`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return messageOf(value);
}
