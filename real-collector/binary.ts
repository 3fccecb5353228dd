/** The OpenTelemetry Collector that is tested against: built from Go modules by its official builder, and kept by what it is built of. */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { root, run, withTemporaryDirectory } from '../scripts/tools.ts';

const MANIFEST = join(root, 'tools/collector/builder.yaml');
const BUILDER = 'go.opentelemetry.io/collector/cmd/builder';
const UNREACHABLE = 'the Go modules cannot be reached';
const MAX_LOOKUP_MILLIS = 60_000;
const MAX_BUILD_MILLIS = 1_200_000;

export type CollectorBinary =
  | { readonly path: string; readonly version: string }
  /** What it takes to build it is not there, in words. */
  | { readonly missing: string };

/**
 * Outside the repository, because installing removes `node_modules` and the first build takes minutes. Rejects when the
 * tools are there and the build fails.
 */
export async function collectorBinary(say: (text: string) => void): Promise<CollectorBinary> {
  const manifest = await readFile(MANIFEST, 'utf8');
  const version = /^ {2}version: ([\d.]+)$/m.exec(manifest)?.[1];
  if (version === undefined) throw new Error(`${MANIFEST} names no version`);
  const key = createHash('sha256')
    .update(`${process.platform} ${process.arch} ${manifest}`)
    .digest('hex')
    .slice(0, 12);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'otel-spillway');
  const path = join(cache, `otelcol-${version}-${key}`);
  if (existsSync(path)) return { path, version };

  if ((await run('go', ['version'])).status !== 0) return { missing: 'no Go' };
  const module = await run('go', ['list', '-m', `${BUILDER}@v${version}`], {
    timeoutMillis: MAX_LOOKUP_MILLIS,
  });
  if (module.status !== 0) return { missing: UNREACHABLE };

  say(`builds the Collector ${version} from Go modules, which takes minutes, once`);
  return withTemporaryDirectory(async (directory) => {
    await copyFile(MANIFEST, join(directory, 'builder.yaml'));
    const args = ['run', `${BUILDER}@v${version}`, '--config', 'builder.yaml', '--ldflags', '-s -w'];
    const { status, output } = await run('go', args, { cwd: directory, timeoutMillis: MAX_BUILD_MILLIS });
    const failed = status !== 0;
    if (failed && /requires go >= |toolchain not available/.test(output)) return { missing: 'Go is too old' };
    if (failed && /no such host|i\/o timeout|connection refused/.test(output))
      return { missing: UNREACHABLE };
    if (failed) throw new Error(`the Collector cannot be built: ${status}\n${output}`);
    await mkdir(cache, { recursive: true });
    // Never half of one, also when two of these run.
    const copy = `${path}.${process.pid}`;
    await copyFile(join(directory, 'build/otelcol'), copy);
    await rename(copy, path);
    return { path, version };
  });
}
