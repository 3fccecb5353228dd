/** Refuses to construct anything on a Node that is too old: an import must not fail there. */

import { SpillwayError } from '../common/errors.ts';

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
