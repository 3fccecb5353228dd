/** The gate before `npm publish`, which runs it as `prepublishOnly`: the package says where it comes from. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { problemsOf } from './publishing.ts';
import { conclude, root } from './tools.ts';

const read = (name: string) => readFile(join(root, name), 'utf8');
const problems = problemsOf(
  JSON.parse(await read('package.json')),
  await read('CHANGELOG.md'),
  process.env.GITHUB_REPOSITORY,
);
conclude(problems, 'publishing: the package says where it comes from, and what is new in it');
