/** The collector of a benchmark and what contenders may ask of it. */

import { type CollectorProcess, spawnCollector } from '../../demo/collector/client.ts';
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
  const collector: CollectorProcess = await spawnCollector({
    latencyMillis,
    ...(keepsIds && { keep: 'ids', idAttribute: ID_ATTRIBUTE }),
  });
  return {
    url: collector.logsUrl,
    answers: {
      /** Records decoded so far. The command goes after every report on its way, so none is missed. */
      received: async () => {
        await collector.behave({});
        return collector.stats().records;
      },
      /** Different ones among them. */
      different: async () => {
        await collector.behave({});
        return collector.ids().size;
      },
      /** Resolves when so many records in all were decoded. */
      until: async (records: number) => {
        await collector.until((stats) => stats.records >= records, UNTIL_MILLIS);
      },
      requests: async () => collector.stats().requests,
      refuse: () => collector.refuse(),
      listen: () => collector.listen(),
    },
    close: () => collector.close(),
  };
}
