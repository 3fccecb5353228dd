/** The playground's collectors, one for each side: what befalls one befalls the other at the same time. */
import type { Condition } from '../../src/testing/index.ts';
import type { ReceivedRecord } from '../../src/testing/received-record.ts';
import { type LogsServer, serveLogs } from '../../src/testing/server.ts';
import { type Mood, type PerSide, type SideName, sideNames } from '../view.ts';

export const SLOW_MILLIS = 2_000;
export const SMALL_BYTES = 32 * 1_024;
export const LIMIT_SECONDS = 2;
const FLAKY_SHARE = 0.5;

/** What has arrived in one request, record by record. */
export interface Arrivals {
  seqs: number[];
  /** When each was logged, in milliseconds since the epoch. */
  times: number[];
}

export interface Collector {
  readonly urls: PerSide<string>;
  readonly mood: Mood;
  become(mood: Mood): Promise<void>;
  close(): void;
}

/** Those whose next answer depends on chance, or on the time, are made anew with each request. */
const CONDITIONS: Record<Exclude<Mood, 'flaky' | 'limited'>, Condition> = {
  well: 'well',
  slow: { latencyMillis: SLOW_MILLIS },
  failing: 503,
  small: { maxBodyBytes: SMALL_BYTES },
  dead: 'dead',
};
const LIMITED: Condition = { kind: 'status', status: 429, retryAfterSeconds: LIMIT_SECONDS };

/** `onStored` is called before the answer is sent: what a sender knows to be delivered is counted. */
export async function startCollector(
  onStored: (side: SideName, arrivals: Arrivals) => void,
): Promise<Collector> {
  let mood: Mood = 'well';

  async function start(side: SideName): Promise<LogsServer> {
    let lastTakenMillis = Number.NEGATIVE_INFINITY;
    // Nothing is reported before there is a request.
    const server: LogsServer = await serveLogs({ identity: { attribute: 'seq' } }, ({ records }) => {
      if (records.length > 0) {
        lastTakenMillis = performance.now();
        onStored(side, arrivalsOf(records));
      }
      // It is also told of requests that begin, and of those that end.
      if (mood === 'flaky') return server.become(Math.random() < FLAKY_SHARE ? 503 : 'well');
      if (mood !== 'limited') return;
      return server.become(performance.now() - lastTakenMillis < LIMIT_SECONDS * 1_000 ? LIMITED : 'well');
    });
    return server;
  }

  const [stock, spillway] = await Promise.all([start('stock'), start('spillway')]);
  const servers: PerSide<LogsServer> = { stock, spillway };
  const url = ({ port }: LogsServer) => `http://127.0.0.1:${port}/v1/logs`;

  return {
    urls: { stock: url(stock), spillway: url(spillway) },
    get mood() {
      return mood;
    },
    become: async (wanted) => {
      mood = wanted;
      const condition = wanted === 'flaky' || wanted === 'limited' ? 'well' : CONDITIONS[wanted];
      await Promise.all(sideNames.map((side) => servers[side].become(condition)));
    },
    close: () => {
      for (const side of sideNames) void servers[side].become('dead');
    },
  };
}

function arrivalsOf(records: readonly ReceivedRecord[]): Arrivals {
  const arrivals: Arrivals = { seqs: [], times: [] };
  for (const { attributes, timeUnixNano } of records) {
    // A record without a number is none of the service's: the marker of a gap for one.
    if (typeof attributes.seq !== 'number') continue;
    arrivals.seqs.push(attributes.seq);
    arrivals.times.push(Number(timeUnixNano) / 1_000_000);
  }
  return arrivals;
}
