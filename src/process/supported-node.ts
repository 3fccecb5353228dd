/** Refuses to start on a Node that is too old: an import must not fail there, so everything constructed asks here. */

import { SpillwayError } from '../common/errors.ts';

/** As `engines` of the manifest has it. */
const OLDEST_NODE = [22, 15] as const;

/** @returns why this package does not run here, or undefined. Bun and Deno, which name a Node they are like, are not measured by it. */
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
