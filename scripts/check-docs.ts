/** The gate for the words that an editor shows: everything public has them, and their links lead somewhere. */
import { join } from 'node:path';
import { conclude, installedTool, run } from './tools.ts';

const directory = await installedTool('docs');
const { status, output } = await run(
  process.execPath,
  [join(directory, 'node_modules/typedoc/bin/typedoc')],
  {
    cwd: directory,
    env: { NO_COLOR: '1' },
  },
);
conclude(
  status === 0 ? [] : [`typedoc ended with ${status}\n${output.trim()}`],
  'docs: every public name, option and method says what it is',
);
