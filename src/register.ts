/** The module of `node --import otel-spillway/register`: sets up logs from the environment, never stops the application. */

import { createRequire } from 'node:module';
import { processWide, unsupportedNode } from './common/package.ts';
import { warnOfFailure } from './register/announcements.ts';
import { start } from './register/start.ts';

const once = processWide('register', () => ({ isDone: false }));

function register(): void {
  // `--require`, `--import` and the application may all load it: the first one does the work.
  if (once.isDone) return;
  once.isDone = true;
  const problem = unsupportedNode();
  if (problem !== undefined) {
    process.stderr.write(`${problem}: otel-spillway/register does nothing\n`);
    return;
  }
  // Not a static import, whose failure would end the process. The build has one folder, the sources have two.
  const url = import.meta.url;
  const require = createRequire(url);
  start(() => require(url.endsWith('.ts') ? './index.ts' : './index.cjs'), url);
}

try {
  register();
} catch (error) {
  warnOfFailure(error);
}
