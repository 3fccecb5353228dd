/** The collector of a benchmark and what contenders may ask of it. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { TestCollector } from '../../src/testing/index.ts';
import type { Answers } from './child-process.ts';
import type { GrpcCounts } from './grpc-collector.ts';
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
  /** Whether it speaks OTLP over gRPC, and only counts. Default: HTTP. */
  readonly isGrpc?: boolean;
}

export async function startCollector({
  latencyMillis,
  keepsIds = false,
  isGrpc = false,
}: BenchCollectorOptions): Promise<BenchCollector> {
  if (isGrpc) return startGrpcCollector(latencyMillis);
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

async function startGrpcCollector(latencyMillis: number): Promise<BenchCollector> {
  const child = fork(new URL('./grpc-collector.ts', import.meta.url), [String(latencyMillis)], {
    execArgv: [],
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const counts = async (): Promise<GrpcCounts> => {
    const answer = once(child, 'message');
    child.send('counts');
    return ((await answer) as [GrpcCounts])[0];
  };
  return {
    url: `http://127.0.0.1:${port}`,
    answers: {
      received: async () => (await counts()).records,
      requests: async () => (await counts()).requests,
    },
    close: async () => {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}
