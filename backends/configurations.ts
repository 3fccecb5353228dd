/** The Collector's own word on the configurations in `ops/collector`. */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root, run, withTemporaryDirectory } from '../scripts/tools.ts';

const CONFIGURATIONS = join(root, 'ops/collector');

/** @returns what it says against them, and against a check that lets anything pass. */
export async function validateConfigurations(binary: string): Promise<string[]> {
  const problems: string[] = [];
  const files = (await readdir(CONFIGURATIONS)).sort();
  const validate = (path: string) => run(binary, ['validate', `--config=${path}`]);
  for (const file of files) {
    const { status, output } = await validate(join(CONFIGURATIONS, file));
    if (status !== 0) problems.push(`the Collector refuses ${file}: ${output.trim()}`);
  }
  await withTemporaryDirectory(async (directory) => {
    const broken = join(directory, 'broken.yaml');
    const text = await readFile(join(CONFIGURATIONS, 'gateway.yaml'), 'utf8');
    await writeFile(broken, text.replace('sending_queue:', 'sending_quee:'));
    if ((await validate(broken)).status === 0) problems.push('the Collector lets a name pass that is none');
  });
  if (problems.length === 0) console.log(`the Collector accepts ${files.join(', ')}`);
  return problems;
}
