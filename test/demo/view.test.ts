/** The demo's live view and its last sentence, as they are read. */
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import type { Now } from '../../demo/view.ts';
import { liveLines, openView } from '../../demo/view.ts';

const pipeline = (records: number, lost: number, breaker?: string) => ({
  queued: { records },
  lost,
  ...(breaker !== undefined && { onDiskBytes: 2_000_000, breaker }),
});

const now: Now = {
  sample: {
    offered: 84_300,
    pipelines: {
      stock: pipeline(2_048, 46_806),
      spillway: pipeline(13_922, 0, 'half-open'),
      'spillway-otlp': pipeline(14_230, 0, 'open'),
    },
  },
  delivered: { stock: 35_446, spillway: 70_378, 'spillway-otlp': 70_070 },
};

const plain = (width: number) => liveLines(now, '34.2 s', width).map(stripVTControlCharacters);

test('the live view fits into a terminal of any width, and has what is lost in 60 columns', () => {
  for (let width = 1; width <= 200; width++) {
    expect(Math.max(...plain(width).map((line) => line.length))).toBeLessThanOrEqual(width);
  }
  const [, , stock] = plain(59);
  expect(stock).toMatch(/^ {2}stock +35,446 +2,048 +46,806/);
});

test('the bars of the live view differ without colour in 80 columns', () => {
  const [, , stock, spillway] = plain(79);
  expect(stock).toMatch(/ █+·+$/);
  expect(spillway).toMatch(/half-open {2}█+▒+$/);
});

test('the demo without a terminal, or with a dumb one, writes lines and no control characters', () => {
  for (const isTTY of [false, true]) {
    let written = '';
    const output = { isTTY, columns: 80, write: (text: string) => (written += text) };
    const view = openView(output, () => now, true);
    view.say('collectors killed');
    view.close();
    expect(written).toMatch(/-- collectors killed\n$/);
    expect(stripVTControlCharacters(written)).toBe(written);
  }
});
