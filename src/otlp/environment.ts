/** Finds the environment variables of OTLP exporters: the one for logs first, then the one for all signals. */

import { type Environment, warn } from '../common/validation.ts';

export interface OtlpVariable {
  readonly name: string;
  /** Trimmed, never empty. */
  readonly value: string;
  readonly isForLogs: boolean;
}

export function otlpVariables(env: Environment, setting: string): OtlpVariable[] {
  return ['LOGS_', ''].flatMap((signal) => {
    const name = `OTEL_EXPORTER_OTLP_${signal}${setting}`;
    const value = env[name]?.trim();
    return value ? [{ name, value, isForLogs: signal !== '' }] : [];
  });
}

/** The first variable that `parse` accepts. Others are reported without their values, which may be secrets. */
export function fromOtlpVariables<T>(
  env: Environment,
  setting: string,
  expected: string,
  parse: (variable: OtlpVariable) => T | undefined,
): T | undefined {
  for (const variable of otlpVariables(env, setting)) {
    const value = parse(variable);
    if (value !== undefined) return value;
    warn(`environment variable ${variable.name} must be ${expected}; it is ignored`);
  }
  return undefined;
}
