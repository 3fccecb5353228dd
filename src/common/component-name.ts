/** Names of components, as the semantic conventions have them: `<type>/<counter>`, unique in the process. */

/** Per process and not per module: the ESM and the CommonJS copy of this package may both be loaded. */
const COUNTERS = Symbol.for('otel-spillway.component-counters');

/** @returns how many were numbered before, by this or any other copy of the package. */
export function nextNumber(componentType: string): number {
  const holder = globalThis as { [COUNTERS]?: Record<string, number> };
  holder[COUNTERS] ??= {};
  const counters = holder[COUNTERS];
  const number = counters[componentType] ?? 0;
  counters[componentType] = number + 1;
  return number;
}
