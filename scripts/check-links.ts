/** The gate for links: every file, directory and heading that a page or a comment of the repository names exists in it. */
import { readFile } from 'node:fs/promises';
import { dirname, extname, join, normalize } from 'node:path';
import GithubSlugger from 'github-slugger';
import { lexer, type Token, type TokensList, walkTokens } from 'marked';
import { conclude, root, runOrThrow } from './tools.ts';

/** How sources name a page: from the root of the repository. */
const NAMED_IN_SOURCES = /(?<![\w./-])(docs\/[\w./-]+\.md(#[\w-]+)?)/g;
const SOURCES = new Set(['.ts', '.cjs', '.mjs']);

// New files count before they are committed; what git ignores is in no clone, so a link to it leads nowhere.
const { stdout } = await runOrThrow('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
const files = [...new Set(stdout.split('\0').filter(Boolean))];
const texts = new Map<string, string>();
for (const file of files.filter((name) => extname(name) === '.md' || SOURCES.has(extname(name)))) {
  const text = await readFile(join(root, file), 'utf8').catch(() => undefined);
  if (text !== undefined) texts.set(file, text);
}
const pages = new Map<string, TokensList>();
for (const [file, text] of texts) if (extname(file) === '.md') pages.set(file, lexer(text));
const directories = new Set(files.flatMap(ancestorsOf));
const headings = new Map([...pages].map(([page, tokens]) => [page, slugsOf(tokens)]));

function ancestorsOf(file: string): string[] {
  const parent = dirname(file);
  return parent === '.' ? ['.'] : [parent, ...ancestorsOf(parent)];
}

/** A heading's anchor is made of its words, without the marks of code, links and emphasis. */
function wordsOf(token: Token): string {
  return 'tokens' in token && token.tokens !== undefined
    ? token.tokens.map(wordsOf).join('')
    : 'text' in token
      ? token.text
      : '';
}

function slugsOf(tokens: TokensList): Set<string> {
  const slugger = new GithubSlugger();
  return new Set(
    tokens.filter((token) => token.type === 'heading').map((token) => slugger.slug(wordsOf(token))),
  );
}

/** @returns what is wrong with a link, or undefined. */
function problemOf(from: string, target: string): string | undefined {
  const [path = '', anchor] = decodeURI(target).split('#');
  const file = path === '' ? from : normalize(join(dirname(from), path)).replace(/\/$/, '');
  if (!files.includes(file) && !directories.has(file)) return `there is no ${file}`;
  if (anchor === undefined) return undefined;
  return headings.get(file)?.has(anchor) ? undefined : `${file} has no heading #${anchor}`;
}

let count = 0;
const problems: string[] = [];
function check(from: string, written: string, problem: string | undefined): void {
  count++;
  if (problem !== undefined) problems.push(`${from}: ${written}: ${problem}`);
}

for (const [page, tokens] of pages) {
  walkTokens(tokens, (token) => {
    if (token.type !== 'link' && token.type !== 'image') return;
    // Addresses with a scheme are not asked: the gates need no network.
    if (!/^[a-z][a-z+.-]*:/i.test(token.href)) check(page, token.href, problemOf(page, token.href));
  });
}
for (const [file, text] of texts) {
  if (pages.has(file)) continue;
  for (const [, named = ''] of text.matchAll(NAMED_IN_SOURCES)) check(file, named, problemOf('.', named));
}
if (pages.size === 0 || count === 0) problems.push('there is no page with a link');
conclude(problems, `links: ${count} in ${texts.size} files lead somewhere`);
