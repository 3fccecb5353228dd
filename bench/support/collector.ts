/** The collector of a benchmark and what contenders may ask of it. */

import { TestCollector } from '../../src/testing/index.ts';
import type { Answers } from './child-process.ts';
import { ID_ATTRIBUTE } from './records.ts';

const UNTIL_MILLIS = 120_000;

export interface BenchCollector {
  readonly url: string;
  readonly answers: Answers;
  close(): Promise<void>;
}

export interface BenchCollectorOptions {
  readonly latencyMillis: number;
  /** Whether it knows which records it has got, and not only how many; that costs it some CPU. */
  readonly keepsIds?: boolean;
}

export async function startCollector({
  latencyMillis,
  keepsIds = false,
}: BenchCollectorOptions): Promise<BenchCollector> {
  const collector = await TestCollector.spawn({
    condition: { latencyMillis },
    keep: keepsIds ? 'ids' : 'count',
    identity: { attribute: ID_ATTRIBUTE },
  });
  return {
    url: collector.logsUrl,
    answers: {
      /** Records decoded so far. The command goes after every report on its way, so none is missed. */
      received: async () => {
        await collector.script();
        return collector.account().records;
      },
      /** Different ones among them. */
      different: async () => {
        await collector.script();
        return collector.ids.size;
      },
      /** Resolves when so many records in all were decoded. */
      until: async (records: number) => {
        await collector.until((stats) => stats.records >= records, UNTIL_MILLIS);
      },
      requests: async () => collector.account().requests,
      refuse: () => collector.become('dead'),
      listen: () => collector.become({ latencyMillis }),
    },
    close: () => collector.stop(),
  };
}
