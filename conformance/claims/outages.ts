/** What is claimed of collectors that are away, slow, or answer with something else than yes. */

import { setTimeout as sleep } from 'node:timers/promises';
import { TestCollector } from '../../src/testing/index.ts';
import { type Claim, judged, seconds } from '../claim.ts';

/** Longer than the timeout of the official exporters, within which they try again. */
const RETRY_AFTER_SECONDS = 11;

export const outages: readonly Claim[] = [
  {
    says: 'An outage of 20 s loses nothing',
    play: async (stage) => {
      const collector = await stage.collector();
      const { logger } = stage.pipeline({ url: collector.logsUrl });
      const traffic = stage.emitFor(logger, 23_000, 50);
      await sleep(1_500);
      await collector.become('dead');
      await sleep(20_000);
      await collector.become('well');
      await traffic;
      // Felt for 1.25 times as long and two seconds.
      return stage.allArrive(collector, 15_000);
    },
  },
  {
    says: 'A collector that answers nothing for 15 s costs nothing',
    play: async (stage) => {
      const collector = await stage.collector({ condition: 'silent' });
      const { logger } = stage.pipeline({ url: collector.logsUrl });
      stage.emit(logger, 500);
      await sleep(15_000);
      await collector.become('well');
      return stage.allArrive(collector, 20_000);
    },
  },
  {
    says: `503 with Retry-After: ${RETRY_AFTER_SECONDS} loses nothing, and nothing is sent before that time`,
    play: async (stage) => {
      const collector = await stage.collector();
      await collector.script({ kind: 'status', status: 503, retryAfterSeconds: RETRY_AFTER_SECONDS });
      const { logger } = stage.pipeline({ url: collector.logsUrl });
      stage.emit(logger, 500);
      await collector.until(({ requests }) => requests === 1);
      const askedAt = performance.now();
      await collector.until(({ requests }) => requests === 2, 20_000).catch(() => {});
      const waited = performance.now() - askedAt;
      judged(waited >= RETRY_AFTER_SECONDS * 990, `asked again after ${seconds(waited)}`);
      return stage.allArrive(collector, 5_000);
    },
  },
  {
    says: 'A batch that is refused with 413 is sent in smaller parts',
    play: async (stage) => {
      const collector = await stage.collector({ condition: { maxRecords: 100 } });
      const { logger } = stage.pipeline({ url: collector.logsUrl });
      stage.emit(logger, 1_000);
      return stage.allArrive(collector, 10_000);
    },
  },
  {
    says: 'A record that the collector refuses with 400 costs only itself',
    play: async (stage) => {
      const collector = await stage.collector({ condition: { poisonedIds: ['150'] } });
      const { logger } = stage.pipeline({ url: collector.logsUrl });
      // A collector that has accepted something is one.
      stage.emit(logger, 1);
      await collector.received(1);
      return stage.allArrive(collector, 10_000, stage.emit(logger, 299) - 1);
    },
  },
  {
    says: 'A web page with 200 is no delivery',
    play: async (stage) => {
      const collector = await stage.collector({ condition: { kind: 'web-page' } });
      const { logger } = stage.pipeline({ url: collector.logsUrl });
      stage.emit(logger, 500);
      await collector.until(({ answers }) => answers['web-page'] === 1);
      await collector.become('well');
      return stage.allArrive(collector, 10_000);
    },
  },
  {
    says: 'A burst of 20,000 records arrives at a collector that is well',
    isBusy: true,
    play: async (stage) => {
      const collector = await stage.collector({ keep: 'ids' });
      const { logger } = stage.pipeline({ url: collector.logsUrl });
      stage.emit(logger, 20_000);
      return stage.allArrive(collector, 10_000);
    },
  },
  {
    says: 'A collector that takes 250 ms for each answer gets 10,000 records that were emitted in 2 s',
    play: async (stage) => {
      const collector = await stage.collector({ keep: 'ids', condition: { latencyMillis: 250 } });
      const { logger } = stage.pipeline({ url: collector.logsUrl });
      await stage.emitFor(logger, 2_000, 5_000);
      return stage.allArrive(collector, 15_000);
    },
  },
  {
    says: 'A collector that is killed and comes back misses nothing',
    play: async (stage) => {
      const collector = await TestCollector.spawn({ identity: { attribute: 'n' } });
      try {
        const { logger } = stage.pipeline({ url: collector.logsUrl });
        const traffic = stage.emitFor(logger, 4_000, 500);
        await sleep(1_000);
        await collector.kill();
        await sleep(2_000);
        await collector.restart();
        await traffic;
        return await stage.allArrive(collector, 15_000);
      } finally {
        await collector.stop();
      }
    },
  },
];
