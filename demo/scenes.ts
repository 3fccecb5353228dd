/** The scenes of the demo, in order: what happens to the collectors and what load the service is under. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestCollector } from '../src/testing/index.ts';
import { missingIn } from './books.ts';
import { count, seconds } from './format.ts';
import type { Load } from './load.ts';
import type { Service } from './service-process.ts';

interface Stage {
  load: Load;
  service: Service;
  /** One for each pipeline; what befalls one befalls all, at the same time. */
  collectors: readonly TestCollector[];
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

/** Longer than `scheduledDelayMillis`, and what writing a batch takes. */
const quietMillis = 2_000;
/** Longer than `leaseMillis`; what is not found by then is missing in the end. */
const maxTakeoverMillis = 15_000;

/** Each request to `/checkout` logs ten lines. */
const checkout = '/checkout';

export const scenes: readonly Scene[] = [
  {
    name: 'normal',
    story: '2,000 records/s, collectors answer at once',
    play: ({ load }) => load.run(checkout, 200, 3_000),
  },
  {
    name: 'slow collector',
    story: '14,000 records/s, collectors answer after 50 ms',
    play: async ({ load, collectors }) => {
      await Promise.all(collectors.map((collector) => collector.become({ latencyMillis: 50 })));
      await load.run(checkout, 1_400, 4_000);
    },
    restore: async ({ collectors }) => {
      await Promise.all(collectors.map((collector) => collector.become('well')));
    },
  },
  {
    name: 'outage',
    story: '2,000 records/s, collectors are killed for 5 s and brought back',
    play: async ({ load, collectors, say }) => {
      const traffic = load.run(checkout, 200, 8_000);
      await sleep(1_000);
      await Promise.all(collectors.map((collector) => collector.kill()));
      say('collectors killed (SIGKILL)');
      await sleep(5_000);
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
  {
    name: 'deploy',
    story: '2,000 records/s, collectors restart; the service is deployed anew three seconds later',
    play: async ({ load, service, collectors, say }) => {
      await load.run(checkout, 200, 1_000);
      await Promise.all(collectors.map((collector) => collector.kill()));
      say('collectors killed (SIGKILL)');
      await load.run(checkout, 200, 3_000);
      await Promise.all(collectors.map((collector) => collector.restart()));
      say('collectors are back');
      await load.run(checkout, 200, 3_000);
      say('service is terminated (SIGTERM)');
      await service.terminate();
      await service.restart();
      say('the next process of the service is up');
      await load.run(checkout, 200, 1_000);
    },
  },
  {
    name: 'kill',
    story:
      '2,000 records/s, collectors are gone; the service is killed, started, crashes, and is started again',
    play: async ({ load, service, collectors, say }) => {
      const { books } = service;
      await Promise.all(collectors.map((collector) => collector.kill()));
      say('collectors killed (SIGKILL)');
      await load.run(checkout, 200, 2_000);
      // What is in the open batch is in memory only. It is closed, and put on disk, after a second.
      await sleep(quietMillis);
      await service.kill();
      say(
        `service killed (SIGKILL) after ${seconds(quietMillis)} without traffic, the collectors still gone`,
      );
      await service.restart();
      say('service is back; the collectors are not');
      await load.run(checkout, 200, 1_000);
      // It has no answer for this one.
      await Promise.all([load.get('/crash').catch(() => {}), service.end()]);
      say(`service ended by an exception, in the middle of its work, after ${count(books.offered)} records`);
      await service.restart();
      await Promise.all(collectors.map((collector) => collector.restart()));
      say('service and collectors are back; what was killed is taken over when its lease has run out');
      await until(() => Object.values(books.laws).every((law) => missingIn(law) === 0), maxTakeoverMillis);
    },
  },
];

async function until(condition: () => boolean, maxMillis: number): Promise<void> {
  const endMillis = performance.now() + maxMillis;
  while (!condition() && performance.now() < endMillis) await sleep(50);
}
