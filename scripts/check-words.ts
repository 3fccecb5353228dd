/** The gate for what must not be in the repository: a machine's own paths, a registry's addresses. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { conclude, root, runOrThrow } from './tools.ts';

const rules: { what: string; pattern: RegExp; only?: string }[] = [
  {
    what: 'an absolute path of a development machine',
    pattern: /(?<![\w.\-/])\/(home|root|Users|work)\/[\w.]/,
  },
  { what: 'an absolute path of a development machine', pattern: /\b[A-Z]:\\Users\\/ },
  { what: 'the address of a package registry', pattern: /\bregistry\.(npmjs|yarnpkg)\./ },
  { what: 'a registry address', pattern: /"resolved": "https?:/, only: 'package-lock.json' },
];

// New files count before they are committed; deleted ones are still listed until then.
const { stdout } = await runOrThrow('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
const paths = [...new Set(stdout.split('\0').filter(Boolean))];
const problems: string[] = [];
for (const path of paths) {
  const text = await readFile(join(root, path), 'utf8').catch(() => '');
  for (const { what, pattern, only } of rules) {
    if (only !== undefined && basename(path) !== only) continue;
    const lines = text.split('\n');
    const index = lines.findIndex((line) => pattern.test(line));
    if (index >= 0)
      problems.push(`${path}:${index + 1} holds ${what}: ${lines[index]?.trim().slice(0, 120)}`);
  }
}
conclude(problems, `words: ${paths.length} files hold no machine path and no registry address`);
