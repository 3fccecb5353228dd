/** The names of tests: each claims something in a sentence that is understood without the names around it. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

/** A name that begins with one of these goes on from another; what is a noun as well (costs, counts) can have an article. */
const NO_SUBJECT = new Set(
  `is are was were be has have had do does did may might can cannot could must shall should will would
  asks becomes begins bounds carries comes costs counts cuts deletes delivers drops ends fails finds gets gives grows
  halves holds keeps knows lasts leaves looks loses makes means misses needs notices passes prints quotes reads refuses
  rejects replays reports resolves retries returns reuses rises says sees sends shrinks starts stays stops stores takes
  tells throws tries waits works
  of that with by for to from as than and or but because so where also only never whose who it its they their them
  beyond over beside`.split(/\s+/),
);
const ODD_WORDS = /\b(at once|so many|told|done with)\b/;
const LEAST_WORDS = 4;
const MOST_CHARACTERS = 130;

/** @returns what is wrong with a name, or undefined. Of a template it is the text before it is filled in. */
function problemOf(name: string): string | undefined {
  const words = name.split(/\s+/).filter(Boolean);
  const [first = ''] = words;
  if (NO_SUBJECT.has(first)) return `begins with '${first}' and not with a subject`;
  if (/^(An?|The|No|Every|Each)$/.test(first)) return 'begins with a capital';
  if (/^[%$]\S*:$/.test(first)) return 'begins with a label';
  if (words.length < LEAST_WORDS) return `has fewer than ${LEAST_WORDS} words`;
  if (name.length > MOST_CHARACTERS) return `has more than ${MOST_CHARACTERS} characters`;
  const [odd] = ODD_WORDS.exec(name) ?? [];
  return odd === undefined ? undefined : `says '${odd}'`;
}

/** `test` of `test(…)`, `test.each(…)(…)` and the like. */
function calledName(call: ts.CallExpression): string | undefined {
  let callee: ts.Expression = call.expression;
  while (ts.isCallExpression(callee) || ts.isPropertyAccessExpression(callee)) callee = callee.expression;
  return ts.isIdentifier(callee) ? callee.text : undefined;
}

function textOf(node: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map(({ literal }) => `%s${literal.text}`).join('');
}

function namesIn(path: string): { name: string; line: number }[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  const names: { name: string; line: number }[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.arguments.length > 1 && calledName(node) === 'test') {
      const name = textOf(node.arguments[0] as ts.Expression);
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
      if (name !== undefined) names.push({ name, line: line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => path.split(sep).join('/'));

test('the name of every test begins with its subject and is a sentence of its own', () => {
  const names = files.flatMap((file) =>
    namesIn(join(import.meta.dirname, file)).map(({ name, line }) => ({ name, place: `${file}:${line}` })),
  );
  expect(names.length).toBeGreaterThan(files.length);
  const problems = names.map(({ name, place }) => {
    const problem = problemOf(name);
    return problem && `${place} '${name}' ${problem}`;
  });
  expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
});

test('a fragment, a capital, a label, a placeholder, an odd word and a long name are recognised as such', () => {
  const wrong = [
    'is halved until it fits',
    'that says nothing is closed in time',
    'The queue holds all records',
    '$path: says the same as the page',
    '%s',
    'an export is sent at once',
    `a name of ${'very '.repeat(30)}many words`,
  ];
  expect(wrong.filter((name) => problemOf(name) === undefined)).toEqual([]);
});
