/** Which versions of Node are refused, in one sentence. That an import works on all of them, `npm run check:platforms` tries. */

import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { unsupportedNode } from '../../src/common/package.ts';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from '../../src/index.ts';

const problemOn = (versions: Record<string, string>) => unsupportedNode(versions as NodeJS.ProcessVersions);

test.each(['18.20.8', '20.20.2', '21.7.3', '22.14.9', '0.12.18'])(
  'the version %s of Node is too old',
  (node) => {
    expect(problemOn({ node })).toBe(`otel-spillway: needs Node 22.15 or newer, and this is ${node}`);
  },
);

test.each(['22.15.0', '22.23.3', '23.0.0', '24.0.0', '26.10.0', '100.0.0-pre'])(
  'the version %s of Node is supported',
  (node) => {
    expect(problemOn({ node })).toBeUndefined();
  },
);

test('Bun and Deno are not judged by the version of Node that they name', () => {
  expect(problemOn({ node: '18.0.0', bun: '1.4.5' })).toBeUndefined();
  expect(problemOn({ node: '18.0.0', deno: '2.9.6' })).toBeUndefined();
});

test('the manifest names the same least version of Node', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(engines.node).toBe('>=22.15.0');
});

test.each([
  ['processor', () => new SpillwayLogRecordProcessor()],
  ['exporter', () => new SpillwayOtlpLogExporter()],
])('the %s cannot be constructed on a Node that is too old, and the error has a code', (_, construct) => {
  const { versions } = process;
  vi.spyOn(process, 'versions', 'get').mockReturnValue({ ...versions, node: '20.20.2' });
  onTestFinished(() => void vi.restoreAllMocks());
  expect(construct).toThrow(expect.objectContaining({ code: 'ERR_SPILLWAY_NODE_VERSION' }));
});
