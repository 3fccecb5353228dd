/** Finds the environment variables of OTLP exporters: the one for logs first, then the one for every signal. */

import { diag } from '@opentelemetry/api';
import type { Environment } from '../common/validation.ts';

export interface OtlpVariable {
  readonly name: string;
  /** Neither empty nor blank. */
  readonly value: string;
  /** Whether it is the one for logs alone. */
  readonly isForLogs: boolean;
}

/** The variables that are set, the most specific first. */
export function otlpVariables(env: Environment, setting: string): OtlpVariable[] {
  return ['LOGS_', ''].flatMap((signal) => {
    const name = `OTEL_EXPORTER_OTLP_${signal}${setting}`;
    const value = env[name]?.trim();
    return value ? [{ name, value, isForLogs: signal !== '' }] : [];
  });
}

/**
 * The first variable that can be parsed; one that cannot is reported and ignored.
 * @param expected completes "must be …". The value is not quoted in the report: it may hold a secret.
 */
export function fromOtlpVariables<T>(
  env: Environment,
  setting: string,
  expected: string,
  parse: (variable: OtlpVariable) => T | undefined,
): T | undefined {
  for (const variable of otlpVariables(env, setting)) {
    const value = parse(variable);
    if (value !== undefined) return value;
    diag.warn(`otel-spillway: environment variable ${variable.name} must be ${expected}; it is ignored`);
  }
  return undefined;
}
