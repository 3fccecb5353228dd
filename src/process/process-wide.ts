/** State shared by all copies of this package in a process: the ES module's and the CommonJS one's, for instance. */

/** @returns the object that the first copy to ask for it has made. */
export function processWide<T extends object>(name: string, make: () => T): T {
  const key = Symbol.for(`otel-spillway.${name}.1`);
  const shared = globalThis as unknown as Record<symbol, T | undefined>;
  shared[key] ??= make();
  return shared[key];
}
