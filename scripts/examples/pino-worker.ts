/** What pino hands to its worker arrives however the process ends. */
import assert from 'node:assert/strict';
import type { Check, End, Running } from './support/play.ts';

const requests = 100;

const ends: readonly [path: string, last: readonly string[], code: number][] = [
  ['/last', ['INFO /last', 'INFO no more requests'], 0],
  ['/exit', ['INFO /exit'], 0],
  ['/throw', ['INFO /throw'], 1],
  ['', ['WARN terminated'], 143],
];

async function end(service: Running, path: string): Promise<End> {
  if (path === '') return service.terminate();
  // Its process may have ended before the answer.
  await service.get(path).catch(() => {});
  return service.end();
}

export const check: Check = async (start, collector) => {
  for (const [path, last, code] of ends) {
    const before = collector.records.length;
    const service = await start();
    for (let request = 1; request <= requests; request++) await service.get(`/${request}`);
    assert.equal((await end(service, path)).code, code, path);
    const lines = collector.records
      .slice(before)
      .map(({ severityText, body, attributes }) => `${severityText} ${attributes.path ?? body}`);
    const served = Array.from({ length: requests }, (_, index) => `INFO /${index + 1}`);
    assert.deepEqual(lines, ['INFO listening', ...served, ...last]);
  }
};
