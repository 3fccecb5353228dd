/** The gate for test coverage: 90 % of the lines and of the branches of src, as the last `npm test` measured them. */
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { conclude, root } from './tools.ts';

const requiredPercent = 90;

interface Count {
  total: number;
  covered: number;
  pct: number;
}
type Summary = Record<string, { lines: Count; branches: Count }>;

const text = await readFile(join(root, 'coverage/coverage-summary.json'), 'utf8').catch(() => {
  throw new Error('No coverage report: run npm test first');
});
const { total, ...files } = JSON.parse(text) as Summary;
if (total === undefined || total.lines.total === 0) throw new Error('The coverage report is empty');

const problems: string[] = [];
for (const kind of ['lines', 'branches'] as const) {
  const { covered, total: all, pct } = total[kind];
  console.log(`${kind}: ${covered} of ${all}, ${pct} %`);
  if (pct >= requiredPercent) continue;
  problems.push(`${kind}: ${pct} % covered, ${requiredPercent} % required`);
  const worst = Object.entries(files)
    .map(([path, counts]) => ({
      path: relative(root, path),
      missing: counts[kind].total - counts[kind].covered,
    }))
    .filter((file) => file.missing > 0)
    .sort((a, b) => b.missing - a.missing)
    .slice(0, 5);
  for (const { path, missing } of worst) console.log(`  ${path}: ${missing} ${kind} not covered`);
}
conclude(problems, `coverage: at least ${requiredPercent} % of lines and branches`);
