/** Where the scripts are that tests run as processes of their own. */

import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** Set by the test run that has bundled them. */
export const BUNDLED_SCRIPTS = 'SPILLWAY_BUNDLED_SCRIPTS';

/** By the names of their bundles. */
export const SCRIPTS = {
  brief: 'test/children/brief.ts',
  cli: 'src/cli/main.ts',
  ending: 'test/children/ending.ts',
  exiting: 'test/children/exiting.ts',
  lingering: 'test/children/lingering.ts',
  losing: 'test/children/losing.ts',
  signalled: 'test/children/signalled.ts',
  spooling: 'test/children/spooling.ts',
} as const;

export type Script = keyof typeof SCRIPTS;

/** The bundle of the script, or its source where there is none. */
export function scriptPath(script: Script): string {
  const bundles = process.env[BUNDLED_SCRIPTS];
  return bundles === undefined ? join(ROOT, SCRIPTS[script]) : join(bundles, `${script}.mjs`);
}
