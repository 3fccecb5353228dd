/**
 * Mutation testing: `npm run mutate` of everything that decides, `-- --quick` of the files that decide most, `-- <file>…`
 * of some. Prints every mutant that no test notices, says where a file that decides most is below the goal of 90 %, and
 * fails where it is below 70 %.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { conclude, installedTool, root } from './tools.ts';

const goalPercent = 90;
const requiredPercent = 70;
const deciding = ['recovery', 'disposition', 'driver', 'size-limit'].map((name) => `src/delivery/${name}.ts`);

type Status = 'Killed' | 'Timeout' | 'Survived' | 'NoCoverage' | 'Ignored' | 'CompileError' | 'RuntimeError';
interface Report {
  files: Record<string, { mutants: { status: Status }[] }>;
}

const tools = await installedTool('mutation');

const args = process.argv.slice(2);
const files = args.includes('--quick') ? deciding : args;
const stryker = spawn(
  process.execPath,
  [
    join(tools, 'node_modules/@stryker-mutator/core/bin/stryker.js'),
    'run',
    join(tools, 'stryker.config.json'),
    ...(files.length > 0 ? ['--mutate', files.join()] : []),
  ],
  { cwd: root, stdio: 'inherit' },
);
const [status] = (await once(stryker, 'close')) as [number | null];
if (status !== 0) throw new Error(`Stryker ended with ${status}`);

const report = JSON.parse(await readFile(join(root, 'coverage/mutation.json'), 'utf8')) as Report;
const problems: string[] = [];
for (const [path, { mutants }] of Object.entries(report.files)) {
  const count = (...statuses: Status[]) => mutants.filter(({ status }) => statuses.includes(status)).length;
  const noticed = count('Killed', 'Timeout');
  const all = noticed + count('Survived', 'NoCoverage');
  const percent = all === 0 ? 100 : (noticed / all) * 100;
  const isShort = deciding.includes(path) && percent < goalPercent;
  const goal = isShort ? `, the goal is ${goalPercent} %` : '';
  console.log(`${path}: ${noticed} of ${all} mutants noticed, ${percent.toFixed(1)} %${goal}`);
  if (deciding.includes(path) && percent < requiredPercent) {
    problems.push(`${path}: ${percent.toFixed(1)} %, ${requiredPercent} % required`);
  }
}
conclude(problems, `mutate: at least ${requiredPercent} % in what decides most`);
