/** The demo's load generator: real HTTP requests over loopback, sent at a rate whatever the answers take. */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const tickMillis = 10;
/** A service that falls behind this far is not pushed further. */
const maxOutstandingRequests = 256;

export interface Load {
  /** Resolves when every request has been answered. */
  run(path: string, requestsPerSecond: number, durationMillis: number): Promise<void>;
  get(path: string): Promise<void>;
  close(): void;
}

export function createLoad(port: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });

  function get(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port, path, agent }, (response) => {
        response.resume();
        response.on('end', resolve);
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  async function run(path: string, requestsPerSecond: number, durationMillis: number): Promise<void> {
    const outstanding = new Set<Promise<void>>();
    const startMillis = performance.now();
    let sent = 0;
    for (
      let elapsedMillis = 0;
      elapsedMillis < durationMillis;
      elapsedMillis = performance.now() - startMillis
    ) {
      const due = Math.floor((elapsedMillis / 1_000) * requestsPerSecond);
      for (; sent < due && outstanding.size < maxOutstandingRequests; sent++) {
        const answered = get(`${path}?order=${sent}`).finally(() => outstanding.delete(answered));
        outstanding.add(answered);
      }
      await sleep(tickMillis);
    }
    await Promise.all(outstanding);
  }

  return { run, get, close: () => agent.destroy() };
}
