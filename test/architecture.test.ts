/** The order of the rooms in `src`, as a table, and a test that reads the imports and holds them to it. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

/** From the ground up: a file imports from its own room, and from those above it in this list. A file at the top is a room of its own. */
const ROOMS = [
  'common',
  'protobuf',
  'process',
  'queue',
  'records',
  'delivery',
  'options',
  'spool/format',
  'spool/ownership',
  'spool/segments',
  'spool',
  'durable',
  'telemetry',
  'otlp/encoding',
  'otlp',
  'pipeline',
  'processor.ts',
  'index.ts',
  'register',
  'register.ts',
  'cli/console',
  'cli/reading',
  'cli/commands',
  'cli',
  'testing',
];

/** What may lie at the top, in no folder. */
const AT_THE_TOP = ROOMS.filter((room) => room.endsWith('.ts'));

/** Arrows that point the wrong way, for now. One that is not needed any more has to go from this list. */
const EXCEPTIONS: string[] = [];

const MAX_LINES = 355;

const SRC = resolve(import.meta.dirname, '../src');

const files = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [path.split(sep).join('/'), readFileSync(join(SRC, path), 'utf8')]),
);

const imports = new Map(Array.from(files, ([file, text]) => [file, importsOf(file, text)]));

/** Paths below `src` of what a file imports or re-exports, types included. */
function importsOf(file: string, text: string): string[] {
  return ts
    .preProcessFile(text)
    .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
    .map(({ fileName }) =>
      relative(SRC, resolve(SRC, dirname(file), fileName))
        .split(sep)
        .join('/'),
    );
}

function roomOf(file: string): string {
  return file.includes('/') ? dirname(file) : file;
}

/** A way that leads from a file back to itself, if there is one. */
function circleFrom(file: string, path: string[], done: Set<string>): string[] | undefined {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
  if (done.has(file)) return undefined;
  done.add(file);
  for (const next of imports.get(file) ?? []) {
    const circle = circleFrom(next, [...path, file], done);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

test('every import in src leads to a file of src that exists', () => {
  const missing = Array.from(imports).flatMap(([file, targets]) =>
    targets.filter((target) => !files.has(target)).map((target) => `${file} -> ${target}`),
  );
  expect(files.size).toBeGreaterThan(0);
  expect(missing).toEqual([]);
});

test('every folder of src has its place in the order of rooms, and every room in the order has files', () => {
  const rooms = new Set(Array.from(files.keys(), roomOf));
  expect(Array.from(rooms).sort()).toEqual([...ROOMS].sort());
});

test('no file lies at the top of src but those listed', () => {
  expect(
    Array.from(files.keys()).filter((file) => !file.includes('/') && !AT_THE_TOP.includes(file)),
  ).toEqual([]);
});

test('a room of src imports only rooms above it, so that no folder is part of a cycle', () => {
  const wrong = Array.from(imports).flatMap(([file, targets]) =>
    targets
      .filter((target) => ROOMS.indexOf(roomOf(target)) > ROOMS.indexOf(roomOf(file)))
      .map((target) => `${file} -> ${target}`),
  );
  expect(wrong.sort()).toEqual([...EXCEPTIONS].sort());
});

test('the kit for tests shares nothing with the library it is to judge, in either direction', () => {
  const shared = Array.from(imports).flatMap(([file, targets]) =>
    targets
      .filter((target) => (roomOf(file) === 'testing') !== (roomOf(target) === 'testing'))
      .map((target) => `${file} -> ${target}`),
  );
  expect(shared).toEqual([]);
});

test('no files of src import each other in a circle', () => {
  const done = new Set<string>();
  const circles = Array.from(files.keys(), (file) => circleFrom(file, [], done)?.join(' -> '));
  expect(circles.filter((circle) => circle !== undefined)).toEqual([]);
});

test(`no file of src is longer than ${MAX_LINES} lines`, () => {
  const long = Array.from(files, ([file, text]) => ({ file, lines: text.split('\n').length - 1 }));
  expect(long.filter(({ lines }) => lines > MAX_LINES)).toEqual([]);
});
