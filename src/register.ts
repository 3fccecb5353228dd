/** `node --import otel-spillway/register`: sets up logs from the environment before the application, and never stops it. */

import { createRequire } from 'node:module';
import { processWide } from './process/process-wide.ts';
import { unsupportedNode } from './process/supported-node.ts';
import { warnOfFailure } from './register/announcements.ts';
import { start } from './register/start.ts';

const once = processWide('register', () => ({ isDone: false }));

function register(): void {
  // With `--require` and `--import`, or in a file of the application as well, the first one does it.
  if (once.isDone) return;
  once.isDone = true;
  const problem = unsupportedNode();
  if (problem !== undefined) {
    process.stderr.write(`${problem}: otel-spillway/register does nothing\n`);
    return;
  }
  // A static import that fails would end the process. What is built is one folder, the sources are two.
  const url = import.meta.url;
  const require = createRequire(url);
  start(() => require(url.endsWith('.ts') ? './index.ts' : './index.cjs'), url);
}

try {
  register();
} catch (error) {
  warnOfFailure(error);
}
