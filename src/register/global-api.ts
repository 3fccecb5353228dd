/** Reads the global slots in which all copies of the OpenTelemetry APIs keep their registrations. */

const API = Symbol.for('opentelemetry.js.api.1');
/** Slot of `@opentelemetry/api-logs`. */
const API_LOGS = Symbol.for('io.opentelemetry.js.api.logs');

/** @returns the registration with `@opentelemetry/api` of any version. */
export function registered(kind: 'diag' | 'logs'): unknown {
  const slots = (globalThis as Record<symbol, unknown>)[API] as Record<string, unknown> | undefined;
  return slots?.[kind];
}

export function isLoggerProviderRegistered(): boolean {
  return registered('logs') !== undefined || (globalThis as Record<symbol, unknown>)[API_LOGS] !== undefined;
}
