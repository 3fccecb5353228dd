/**
 * Bundles the scripts that tests run as processes, before all tests. Nearly all that such a process costs is to load
 * the library and the SDK, file by file; from a bundle it takes a quarter of the time.
 */

import { join } from 'node:path';
import { build } from 'tsdown';
import type { TestProject } from 'vitest/node';
import { BUNDLED_SCRIPTS, SCRIPTS } from './scripts.ts';

export default async function bundleScripts(project: TestProject): Promise<void> {
  // Coverage is measured of the sources.
  if (project.vitest.config.coverage.enabled) return;
  const cwd = join(import.meta.dirname, '../..');
  const outDir = join(cwd, 'node_modules/.cache/test-scripts');
  const bundle = () =>
    build({
      config: false,
      cwd,
      entry: SCRIPTS,
      outDir,
      format: 'esm',
      platform: 'node',
      target: 'node22.15',
      fixedExtension: true,
      dts: false,
      logLevel: 'error',
      report: false,
      deps: { alwaysBundle: [/./] },
    });
  await bundle();
  project.onTestsRerun(async () => void (await bundle()));
  process.env[BUNDLED_SCRIPTS] = outDir;
}
