/** This package itself: its version, the Node it needs, and the state that all its copies in a process share. */

import { SpillwayError } from './errors.ts';

export const VERSION = '0.1.0';

/** The ESM and the CommonJS copy may both be loaded. @returns the object that the first one to ask for it has made. */
export function processWide<T extends object>(name: string, make: () => T): T {
  const key = Symbol.for(`otel-spillway.${name}.1`);
  const shared = globalThis as unknown as Record<symbol, T | undefined>;
  shared[key] ??= make();
  return shared[key];
}

/** Numbers components for their names in the semantic conventions: `<type>/<counter>`, unique in the process. */
export function nextNumber(componentType: string): number {
  const counters = processWide<Record<string, number>>('component-counters', () => ({}));
  const number = counters[componentType] ?? 0;
  counters[componentType] = number + 1;
  return number;
}

/** As in `engines` of package.json. */
const OLDEST_NODE = [22, 15] as const;

/** @returns why this Node is not supported, or undefined. Bun and Deno, which name a similar Node, are not checked. */
export function unsupportedNode(versions: NodeJS.ProcessVersions = process.versions): string | undefined {
  if (versions.bun !== undefined || versions.deno !== undefined) return undefined;
  const [major = 0, minor = 0] = versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return undefined;
  return `otel-spillway: needs Node ${OLDEST_NODE.join('.')} or newer, and this is ${versions.node}`;
}

/** @throws SpillwayError `ERR_SPILLWAY_NODE_VERSION`. */
export function requireSupportedNode(): void {
  const problem = unsupportedNode();
  if (problem !== undefined) throw new SpillwayError('ERR_SPILLWAY_NODE_VERSION', problem);
}
