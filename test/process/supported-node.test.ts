/** Which versions of Node are refused, in one sentence. That an import works on all of them, `npm run check:platforms` tries. */

import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from '../../src/index.ts';
import { unsupportedNode } from '../../src/process/supported-node.ts';

const problemOn = (versions: Record<string, string>) => unsupportedNode(versions as NodeJS.ProcessVersions);

test.each(['18.20.8', '20.20.2', '21.7.3', '22.14.9', '0.12.18'])('Node %s is too old', (node) => {
  expect(problemOn({ node })).toBe(`otel-spillway: needs Node 22.15 or newer, and this is ${node}`);
});

test.each(['22.15.0', '22.23.3', '23.0.0', '24.0.0', '26.10.0', '100.0.0-pre'])('Node %s will do', (node) => {
  expect(problemOn({ node })).toBeUndefined();
});

test('Bun and Deno are not measured by the Node they name', () => {
  expect(problemOn({ node: '18.0.0', bun: '1.4.5' })).toBeUndefined();
  expect(problemOn({ node: '18.0.0', deno: '2.9.6' })).toBeUndefined();
});

test('the manifest says the same', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(engines.node).toBe('>=22.15.0');
});

test.each([
  ['processor', () => new SpillwayLogRecordProcessor()],
  ['exporter', () => new SpillwayOtlpLogExporter()],
])('on one that is too old the %s cannot be constructed, and the error has a code', (_, construct) => {
  const { versions } = process;
  vi.spyOn(process, 'versions', 'get').mockReturnValue({ ...versions, node: '20.20.2' });
  onTestFinished(() => void vi.restoreAllMocks());
  expect(construct).toThrow(expect.objectContaining({ code: 'ERR_SPILLWAY_NODE_VERSION' }));
});
