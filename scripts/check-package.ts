/** The gate for the shape of the package: the right files, sound manifest (publint), types that resolve (attw), nothing to install beside it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { conclude, pack, root, run, withTemporaryDirectory } from './tools.ts';

const required = [
  'LICENSE',
  'README.md',
  'package.json',
  'dist/cli.mjs',
  'dist/register.mjs',
  'dist/register.cjs',
  'dist/testing.mjs',
  'dist/testing.cjs',
  'dist/testing-child.mjs',
];
const allowed =
  /^(LICENSE|(README|CHANGELOG|SECURITY)\.md|package\.json|docs\/(images\/)?[^/]+\.(md|svg|png)|dist\/[^/]+\.(mjs|cjs|d\.mts|d\.cts))$/;

await withTemporaryDirectory(async (directory) => {
  const problems: string[] = [];
  const { tarball, files } = await pack(directory);
  const paths = files.map((file) => file.path);
  for (const path of required) if (!paths.includes(path)) problems.push(`${path} is not in the package`);
  for (const path of paths) if (!allowed.test(path)) problems.push(`${path} does not belong in the package`);

  // Where the package is installed there is no repository around its front page.
  const page = await readFile(join(root, 'README.md'), 'utf8');
  for (const [, target = ''] of page.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
    if (!paths.includes(target)) problems.push(`README.md links to ${target}, which is not in the package`);
  }

  const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
  for (const kind of ['dependencies', 'optionalDependencies', 'bundledDependencies', 'bundleDependencies']) {
    const names = Object.keys(manifest[kind] ?? {});
    if (names.length > 0) problems.push(`${kind} are to be none, and there are ${names.join(', ')}`);
  }

  const checks: [string, string[]][] = [
    ['publint', ['run', tarball, '--strict']],
    // CommonJS and ES modules from Node 16 on; resolution before `exports` existed is out of scope.
    ['attw', [tarball, '--profile', 'node16', '--no-emoji', '--no-color']],
  ];
  for (const [command, args] of checks) {
    const { status, output } = await run(command, args);
    if (status === 0) continue;
    console.log(output.trimEnd());
    problems.push(`${command} ended with ${status}`);
  }
  conclude(problems, `package: ${paths.length} files, publint and attw have nothing to say`);
});
