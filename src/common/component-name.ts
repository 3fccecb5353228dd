/** Numbers components for their names in the semantic conventions: `<type>/<counter>`, unique in the process. */

/** Per process, not per module: the ESM and the CommonJS copy of this package may both be loaded. */
const COUNTERS = Symbol.for('otel-spillway.component-counters');

export function nextNumber(componentType: string): number {
  const holder = globalThis as { [COUNTERS]?: Record<string, number> };
  holder[COUNTERS] ??= {};
  const counters = holder[COUNTERS];
  const number = counters[componentType] ?? 0;
  counters[componentType] = number + 1;
  return number;
}
