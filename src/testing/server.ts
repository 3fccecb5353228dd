/** The OTLP/HTTP logs receiver itself: reads, decodes and stores requests, and behaves as it was told to. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Counts, noCounts } from './account.ts';
import { Answers, type Exchange, refusal } from './answers.ts';
import { type Behaviour, behaviourOf, type Condition, type Reply, type ScriptedReply } from './behaviour.ts';
import { decodeRequest, type Identity, type Keep } from './decode.ts';
import { Limits } from './limits.ts';
import { ownPort } from './own-port.ts';
import type { Report } from './received.ts';
import { contentTypes } from './responses.ts';

export interface LogsServerOptions {
  /** Default: one that nobody else is given while the server refuses; see `own-port.ts`. */
  readonly port?: number;
  readonly keep?: Keep;
  readonly identity?: Identity;
}

export interface LogsServer {
  readonly port: number;
  readonly counts: Counts;
  become(condition: Condition): Promise<void>;
  script(replies: readonly ScriptedReply[]): void;
  /** Ends it when the senders of what is stored have been told. */
  stop(): Promise<void>;
}

/** A sender that does not read its answer is not waited for any longer. */
const MAX_STOP_MILLIS = 1_000;

const unzip = promisify(gunzip) as (bytes: Buffer) => Promise<Buffer>;

/** `onReport` is awaited before a request that stored records is answered. */
export async function serveLogs(
  { port: wantedPort, keep = 'records', identity = 'record' }: LogsServerOptions,
  onReport: (report: Report) => void | Promise<void>,
): Promise<LogsServer> {
  let behaviour: Behaviour = {};
  let limits = new Limits();
  const script: { reply: Reply; left: number }[] = [];
  const counts = noCounts();
  const sockets = new Set<Socket>();
  const answers = new Answers(counts, onReport);

  const server = createServer((request, response) => void handle(request, response));
  // A sender's idle connection is closed only when a test or a scene asks for it.
  server.keepAliveTimeout = 0;
  server.on('connection', (socket) => {
    counts.connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  const port = wantedPort ?? (await ownPort());
  await listen();

  async function listen(): Promise<void> {
    if (server.listening) return;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  }

  async function die(how: 'destroy' | 'resetAndDestroy'): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket[how]();
    await closed;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    counts.requests++;
    counts.concurrentRequests++;
    counts.peakConcurrentRequests = Math.max(counts.peakConcurrentRequests, counts.concurrentRequests);
    response.on('close', () => {
      counts.concurrentRequests--;
      void onReport({ counts, ids: [], records: [] });
    });
    void onReport({ counts, ids: [], records: [] });
    const isJson = request.headers['content-type']?.startsWith(contentTypes.json);
    try {
      await receive({ request, response, encoding: isJson ? 'json' : 'protobuf' });
    } catch {
      // Only reading from a connection that is gone ends here.
      response.destroy();
    }
  }

  async function receive(exchange: Exchange): Promise<void> {
    const { request, response, encoding } = exchange;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const received = Buffer.concat(chunks);
    counts.bytes += received.length;
    if (request.method !== 'POST' || request.url !== '/v1/logs') {
      return answers.refuse(exchange, refusal(404, 'not found'));
    }
    const compression = request.headers['content-encoding'];
    const type = contentTypes[encoding] + (compression ? `, ${compression}` : '');
    counts.encodings[type] = (counts.encodings[type] ?? 0) + 1;

    const { latencyMillis = 0, poisonedIds = [] } = behaviour;
    const reply = nextReply();
    let body: Buffer;
    let decoded: ReturnType<typeof decodeRequest>;
    try {
      body = compression === 'gzip' ? await unzip(received) : received;
      counts.decodedBytes += body.length;
      decoded = decodeRequest(body, encoding, keep, identity);
    } catch (error) {
      counts.malformed++;
      return answers.refuse(exchange, refusal(400, String(error)));
    }
    const limit = limitReached(body.length, decoded.count);
    if (limit !== undefined) return answers.refuse(exchange, limit, decoded.count);
    if (latencyMillis > 0) await sleep(latencyMillis, undefined, { ref: false });
    // As a real collector does, give a request up whose sender has gone away.
    if (response.closed) return;
    const poisoned = decoded.ids.find((id) => poisonedIds.includes(id));
    if (poisoned !== undefined) {
      return answers.refuse(exchange, refusal(400, `bad record: ${poisoned}`), decoded.count);
    }
    await answers.give(exchange, reply, decoded);
  }

  function nextReply(): Reply {
    const next = script[0];
    if (!next) return behaviour.reply ?? { kind: 'accept' };
    if (--next.left === 0) script.shift();
    return next.reply;
  }

  function limitReached(bodyBytes: number, records: number): ReturnType<typeof refusal> | undefined {
    const { maxBodyBytes = Infinity, maxRecords = Infinity, tooLargeStatus = 413 } = behaviour;
    if (bodyBytes > maxBodyBytes || records > maxRecords) {
      return refusal(tooLargeStatus, 'request body too large');
    }
    const status = limits.refusal(behaviour, bodyBytes);
    return status && refusal(status, status === 429 ? 'too many requests' : 'no memory left');
  }

  return {
    port,
    counts,
    become: async (condition) => {
      if (condition === 'dead') return die('resetAndDestroy');
      behaviour = behaviourOf(condition);
      limits = new Limits();
      await listen();
    },
    script: (replies) => {
      for (const { times = 1, ...reply } of replies) if (times > 0) script.push({ reply, left: times });
    },
    stop: async () => {
      await Promise.race([answers.given(), sleep(MAX_STOP_MILLIS, undefined, { ref: false })]);
      await die('destroy');
    },
  };
}
