/** The playground's collector: takes OTLP over HTTP from both sides, and is as slow, sick or dead as it is told to be. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Mood, type PerSide, perSide, type SideName, sideNames } from '../view.ts';
import { type Arrivals, arrivalsOf } from './otlp.ts';

export const SLOW_MILLIS = 2_000;
export const SMALL_BYTES = 32 * 1_024;
export const LIMIT_SECONDS = 2;
const FLAKY_SHARE = 0.5;

/** Below the ports that systems give to others: nobody else may listen here while the collector is dead. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;

export interface Collector {
  readonly urls: PerSide<string>;
  readonly mood: Mood;
  become(mood: Mood): Promise<void>;
  close(): void;
}

/** `onStored` is called before the answer is sent: what a sender knows to be delivered is counted. */
export async function startCollector(
  onStored: (side: SideName, arrivals: Arrivals) => void,
): Promise<Collector> {
  let mood: Mood = 'well';
  const lastTakenMillis = perSide(() => Number.NEGATIVE_INFINITY);
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    // A connection that ends while the request is read.
    handle(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 0;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  /** @returns the status of a refusal, or undefined. */
  function refusal(side: SideName, bytes: number): { status: number; retryAfter?: number } | undefined {
    const now = performance.now();
    if (mood === 'failing') return { status: 503 };
    if (mood === 'flaky' && Math.random() < FLAKY_SHARE) return { status: 503 };
    if (mood === 'small' && bytes > SMALL_BYTES) return { status: 413 };
    if (mood === 'limited' && now - lastTakenMillis[side] < LIMIT_SECONDS * 1_000)
      return { status: 429, retryAfter: LIMIT_SECONDS };
    lastTakenMillis[side] = now;
    return undefined;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const side = sideNames.find((name) => request.url === `/${name}/v1/logs`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    response.setHeader('content-type', 'application/x-protobuf');
    if (side === undefined) return void response.writeHead(404).end();
    const refused = refusal(side, body.length);
    if (refused !== undefined) {
      if (refused.retryAfter !== undefined) response.setHeader('retry-after', refused.retryAfter);
      return void response.writeHead(refused.status).end();
    }
    if (mood === 'slow') await sleep(SLOW_MILLIS, undefined, { ref: false });
    // As a real one does, it gives a request up whose sender has gone away.
    if (response.closed) return;
    onStored(side, arrivalsOf(body));
    response.end();
  }

  async function listen(port: number): Promise<boolean> {
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening');
      return true;
    } catch {
      return false;
    }
  }

  let port = FIRST_PORT + (process.pid % PORTS);
  for (let attempt = 0; !(await listen(port)); attempt++) {
    if (attempt === 100) throw new Error(`no port is free up to ${port}`);
    port = FIRST_PORT + ((port + 1) % PORTS);
  }

  return {
    urls: perSide((side) => `http://127.0.0.1:${port}/${side}/v1/logs`),
    get mood() {
      return mood;
    },
    become: async (wanted) => {
      const wasDead = mood === 'dead';
      mood = wanted;
      if (wanted === 'dead' && !wasDead) {
        server.close();
        for (const socket of sockets) socket.resetAndDestroy();
      } else if (wanted !== 'dead' && wasDead && !(await listen(port))) {
        throw new Error(`somebody else listens on port ${port}`);
      }
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
