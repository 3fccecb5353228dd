/** Where a collector runs: in this process, or in a child process that can be killed. */

import type { Counts } from './account.ts';
import type { Condition, ScriptedReply } from './behaviour.ts';
import type { Report } from './received.ts';
import { type LogsServerOptions, serveLogs } from './server.ts';

export interface CollectorHost {
  readonly port: number;
  counts(): Counts;
  become(condition: Condition): Promise<void>;
  script(replies: readonly ScriptedReply[]): Promise<void>;
  stop(): Promise<void>;
  /** Only where it can be killed. */
  kill?(): Promise<void>;
  restart?(): Promise<void>;
}

/** @param onReport called before a request that stored records is answered. */
export async function hostHere(
  options: LogsServerOptions,
  onReport: (report: Report) => void,
): Promise<CollectorHost> {
  const server = await serveLogs(options, onReport);
  return {
    port: server.port,
    counts: () => structuredClone(server.counts),
    become: (condition) => server.become(condition),
    script: async (replies) => server.script(replies),
    stop: () => server.stop(),
  };
}
