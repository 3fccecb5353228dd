/** What is demanded of the manifest before the package may be published. */

import { expect, test } from 'vitest';
import { type Manifest, problemsOf } from '../../scripts/publishing.ts';

const HOME = 'https://192.0.2.1/spillways/otel-spillway';
const complete: Manifest = {
  version: '0.1.0',
  repository: { type: 'git', url: `git+${HOME}.git` },
  homepage: `${HOME}#readme`,
  bugs: { url: `${HOME}/issues` },
};
const CHANGELOG = '# Changelog\n\n## [0.1.0] - 2026-12-01\n\n### Added\n';

test('a manifest with a home, a repository, a place for bugs and a dated version may be published', () => {
  expect(problemsOf(complete, CHANGELOG)).toEqual([]);
  expect(problemsOf({ ...complete, repository: HOME, bugs: `${HOME}/issues` }, CHANGELOG)).toEqual([]);
  expect(problemsOf(complete, CHANGELOG, 'Spillways/otel-spillway')).toEqual([]);
});

test('a manifest without repository, homepage and bugs may not be published, with a sentence for each', () => {
  expect(problemsOf({ version: '0.1.0' }, CHANGELOG)).toEqual([
    expect.stringMatching(/^package\.json: 'repository' is missing: the registry shows it/),
    expect.stringMatching(/^package\.json: 'homepage' is missing: /),
    expect.stringMatching(/^package\.json: 'bugs' is missing: /),
  ]);
});

test.each([
  ['https://example.com/otel-spillway', 'is an invented address'],
  ['https://192.0.2.1/your-name/otel-spillway', 'is an invented address'],
  ['http://192.0.2.1/spillways/otel-spillway', 'is not an https address'],
  ['git:spillways/otel-spillway', 'is not an https address'],
  [7, 'is not an https address'],
])('an address such as %s is no home', (homepage, what) => {
  expect(problemsOf({ ...complete, homepage }, CHANGELOG)).toEqual([
    expect.stringContaining(`'homepage' ${what}`),
  ]);
});

test('a repository that is not the one which publishes is refused before the registry refuses it', () => {
  expect(problemsOf(complete, CHANGELOG, 'others/otel-spillway')).toEqual([
    expect.stringContaining('is not others/otel-spillway, which publishes it'),
  ]);
});

test('a version without a dated heading in the changelog may not be published', () => {
  expect(problemsOf(complete, CHANGELOG.replace('2026-12-01', 'Unreleased'))).toEqual([
    expect.stringContaining('CHANGELOG.md: 0.1.0 has no heading with a date'),
  ]);
  expect(problemsOf({ ...complete, version: '0.1.1' }, CHANGELOG)).toHaveLength(1);
});
