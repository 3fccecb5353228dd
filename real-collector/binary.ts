/** The OpenTelemetry Collector that is tested against: built by its official builder, and kept by what it is built of. */

import { createHash } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { builtFromModules, type Program } from '../scripts/programs.ts';
import { root } from '../scripts/tools.ts';

const BUILDER = 'go.opentelemetry.io/collector/cmd/builder';

/** @param name of a manifest in `tools/collector`. */
export async function collectorBinary(say: (text: string) => void, name = 'builder'): Promise<Program> {
  const path = join(root, 'tools/collector', `${name}.yaml`);
  const manifest = await readFile(path, 'utf8');
  const version = /^ {2}version: ([\d.]+)$/m.exec(manifest)?.[1];
  if (version === undefined) throw new Error(`${path} names no version`);
  const key = createHash('sha256')
    .update(`${process.platform} ${process.arch} ${manifest}`)
    .digest('hex')
    .slice(0, 12);
  return builtFromModules(
    {
      name: 'otelcol',
      version,
      key,
      module: BUILDER,
      prepare: (directory) => copyFile(path, join(directory, 'builder.yaml')),
      commands: [['go', 'run', `${BUILDER}@v${version}`, '--config', 'builder.yaml', '--ldflags', '-s -w']],
      output: 'build/otelcol',
    },
    say,
  );
}
