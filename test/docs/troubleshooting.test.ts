/** The page of troubleshooting quotes messages, by which people search for it: they are those of the code. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8');
const sources = globSync('src/**/*.ts', { cwd: root }).map((path) => readFileSync(join(root, path), 'utf8'));

/** Words in the marks of code that are no code: small letters and spaces. */
const quoted = [...page.replace(/```.*?```/gs, '').matchAll(/`([a-z][^`]*)`/g)]
  .map(([, text = '']) => text.replaceAll(/\s+/g, ' '))
  .filter((text) => text.split(' ').length >= 3 && !/[{}()=]|^(npm|next|node) |connect |spool /.test(text));

/** Without what differs from case to case. */
const fixedParts = (message: string) =>
  message
    .split(/…|: |\d+(?: s)?|^pino|npm install/)
    .map((part) => part.trim())
    .filter((part) => part.length >= 8);

test('every message that the page of troubleshooting quotes is one that the code has', () => {
  const all = sources.join('\n');
  const unknown = quoted.filter((message) => fixedParts(message).some((part) => !all.includes(part)));
  expect(quoted.length).toBeGreaterThan(10);
  expect(unknown).toEqual([]);
});

test('the page of troubleshooting has a line for every drop reason', () => {
  const [, reasons = ''] = /DROP_REASONS = \[(.*?)\]/s.exec(sources.join('\n')) ?? [];
  const names = [...reasons.matchAll(/'(\w+)'/g)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => !page.includes(`| \`${name}\``))).toEqual([]);
});
