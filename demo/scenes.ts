/** The scenes of the demo, in order: what happens to the collectors and what load the service is under. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CollectorProcess } from './collector/client.ts';
import type { Load } from './load.ts';

interface Stage {
  load: Load;
  /** One for each pipeline; what befalls one befalls all, at the same time. */
  collectors: readonly CollectorProcess[];
  /** Tells the audience. */
  say(text: string): void;
}

export interface Scene {
  name: string;
  story: string;
  play(stage: Stage): Promise<void>;
  /** Undoes what `play` did to the collectors, after the queues had time to drain. */
  restore?(stage: Stage): Promise<void>;
}

/** Each request to `/checkout` logs ten lines. */
const checkout = '/checkout';

export const scenes: readonly Scene[] = [
  {
    name: 'normal',
    story: '2,000 records/s, collectors answer at once',
    play: ({ load }) => load.run(checkout, 200, 4_000),
  },
  {
    name: 'slow collector',
    story: '14,000 records/s, collectors answer after 50 ms',
    play: async ({ load, collectors }) => {
      await Promise.all(collectors.map((collector) => collector.behave({ latencyMillis: 50 })));
      await load.run(checkout, 1_400, 5_000);
    },
    restore: async ({ collectors }) => {
      await Promise.all(collectors.map((collector) => collector.behave({ latencyMillis: 0 })));
    },
  },
  {
    name: 'outage',
    story: '2,000 records/s, collectors are killed for 6 s and brought back',
    play: async ({ load, collectors, say }) => {
      const traffic = load.run(checkout, 200, 9_000);
      await sleep(1_000);
      await Promise.all(collectors.map((collector) => collector.kill()));
      say('collectors killed (SIGKILL)');
      await sleep(6_000);
      await Promise.all(collectors.map((collector) => collector.restart()));
      say('collectors are back, on the same ports');
      await traffic;
    },
  },
  {
    name: 'burst',
    story: '500 records/s, and five imports that log 5,000 rows each without a pause',
    play: async ({ load }) => {
      const traffic = load.run(checkout, 50, 3_000);
      for (let n = 0; n < 5; n++) {
        await load.get('/import?rows=5000');
        await sleep(300);
      }
      await traffic;
    },
  },
];
