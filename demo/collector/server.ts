/** The OTLP/HTTP logs receiver itself: reads, decodes and stores requests, and answers as it was told to. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type DecodedRequest, decodeRequest, encodeResponse, encodeStatus } from './decode.ts';
import { ownPort } from './own-port.ts';
import {
  type Behaviour,
  type CollectorOptions,
  type CollectorStats,
  emptyStats,
  type Reply,
  type Report,
  type ScriptEntry,
} from './protocol.ts';

export interface LogsServer {
  readonly port: number;
  readonly stats: CollectorStats;
  behave(behaviour: Behaviour): void;
  script(entries: readonly ScriptEntry[]): void;
  refuse(): Promise<void>;
  listen(): Promise<void>;
}

type StatusReply = Extract<Reply, { kind: 'status' }>;

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  encoding: 'protobuf' | 'json';
}

const contentTypes = { protobuf: 'application/x-protobuf', json: 'application/json' } as const;
/** gRPC codes for the `google.rpc.Status` body; every other status says UNKNOWN. */
const statusCodes: Record<number, number> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  413: 8,
  429: 8,
  503: 14,
  504: 4,
};
const unzip = promisify(gunzip);

/** `onReport` is awaited before a request that stored records is answered. */
export async function serveLogs(
  options: CollectorOptions,
  onReport: (report: Report) => void | Promise<void>,
): Promise<LogsServer> {
  const { port: wantedPort, keep = 'count', idAttribute, ...initialBehaviour } = options;
  const behaviour: Behaviour = initialBehaviour;
  const script: { reply: Reply; left: number }[] = [];
  const stats = emptyStats();
  const sockets = new Set<Socket>();

  const server = createServer((request, response) => void handle(request, response));
  // A sender's idle connection is closed only when a test or a scene asks for it.
  server.keepAliveTimeout = 0;
  server.on('connection', (socket) => {
    stats.connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  const port = wantedPort ?? (await ownPort());
  async function listen(): Promise<void> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  }
  await listen();

  function nextReply(): Reply {
    const entry = script[0];
    if (!entry) return behaviour.reply ?? { kind: 'accept' };
    if (--entry.left === 0) script.shift();
    return entry.reply;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    stats.requests++;
    stats.concurrentRequests++;
    stats.peakConcurrentRequests = Math.max(stats.peakConcurrentRequests, stats.concurrentRequests);
    response.on('close', () => {
      stats.concurrentRequests--;
      void onReport({ stats, ids: [], records: [] });
    });
    void onReport({ stats, ids: [], records: [] });
    const exchange: Exchange = {
      request,
      response,
      encoding: request.headers['content-type']?.startsWith(contentTypes.json) ? 'json' : 'protobuf',
    };
    try {
      await receive(exchange);
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
    stats.bytes += received.length;
    if (request.method !== 'POST' || request.url !== '/v1/logs') {
      return answerStatus(exchange, { kind: 'status', status: 404, message: 'not found' });
    }
    const compression = request.headers['content-encoding'];
    tally(stats.encodings, contentTypes[encoding] + (compression ? `, ${compression}` : ''));

    const reply = nextReply();
    const { latencyMillis = 0, tooLargeStatus = 413, poisonedIds = [] } = behaviour;
    const { maxBodyBytes = Infinity, maxRecords = Infinity } = behaviour;
    const tooLarge: StatusReply = {
      kind: 'status',
      status: tooLargeStatus,
      message: 'request body too large',
    };
    let decoded: DecodedRequest;
    try {
      const body = compression === 'gzip' ? ((await unzip(received)) as Buffer) : received;
      stats.decodedBytes += body.length;
      if (body.length > maxBodyBytes) return answerStatus(exchange, tooLarge);
      const detail = keep === 'count' && poisonedIds.length > 0 ? 'ids' : keep;
      decoded = decodeRequest(body, encoding, detail, idAttribute);
      if (decoded.count > maxRecords) return answerStatus(exchange, tooLarge);
    } catch (error) {
      stats.malformed++;
      return answerStatus(exchange, { kind: 'status', status: 400, message: String(error) });
    }
    if (latencyMillis > 0) await sleep(latencyMillis, undefined, { ref: false });
    // As a real collector does, give a request up whose sender has gone away.
    if (response.closed) return;
    const poisoned = decoded.ids.find((id) => poisonedIds.includes(id));
    if (poisoned !== undefined) {
      return answerStatus(exchange, { kind: 'status', status: 400, message: `bad record: ${poisoned}` });
    }
    await answer(exchange, reply, decoded);
  }

  async function answer(exchange: Exchange, reply: Reply, decoded: DecodedRequest): Promise<void> {
    const { response, encoding } = exchange;
    switch (reply.kind) {
      case 'status':
        return answerStatus(exchange, reply);
      case 'accept':
      case 'partial': {
        const { rejected, message = 'rejected by the test' } =
          reply.kind === 'partial' ? reply : { rejected: 0 };
        const stored = Math.max(0, decoded.count - rejected);
        tally(stats.answers, '200');
        await store(decoded, stored);
        response.on('finish', () => {
          stats.acknowledged += stored;
        });
        response.setHeader('content-type', contentTypes[encoding]);
        response.end(encodeResponse(encoding, reply.kind === 'partial' ? { rejected, message } : undefined));
        return;
      }
      case 'hang':
      case 'reset':
      case 'half-response': {
        const half =
          reply.kind === 'half-response' || (reply.kind === 'reset' && reply.at === 'mid-response');
        tally(stats.answers, reply.kind);
        if (reply.stored ?? half) await store(decoded, decoded.count);
        if (half) await answerHalf(exchange);
        if (reply.kind !== 'reset') await onReport({ stats, ids: [], records: [] });
        // A reset would overtake the half that is still on its way; the end of the stream comes after it.
        else if (half) exchange.request.socket.destroy();
        else exchange.request.socket.resetAndDestroy();
      }
    }
  }

  async function answerStatus({ response, encoding }: Exchange, reply: StatusReply): Promise<void> {
    tally(stats.answers, String(reply.status));
    const { retryAfterSeconds, retryAfterForm = 'seconds' } = reply;
    if (retryAfterSeconds !== undefined) {
      const date = new Date(Date.now() + retryAfterSeconds * 1000).toUTCString();
      response.setHeader('retry-after', retryAfterForm === 'date' ? date : String(retryAfterSeconds));
    }
    response.writeHead(reply.status, { 'content-type': contentTypes[encoding], ...reply.headers });
    response.end(encodeStatus(encoding, statusCodes[reply.status] ?? 2, reply.message ?? 'scripted answer'));
  }

  async function answerHalf({ response, encoding }: Exchange): Promise<void> {
    response.writeHead(200, { 'content-type': contentTypes[encoding], 'content-length': '64' });
    await new Promise<void>((resolve) => response.write('{"partialSuccess":', () => resolve()));
  }

  async function store(decoded: DecodedRequest, count: number): Promise<void> {
    stats.records += count;
    const ids = keep === 'count' ? [] : decoded.ids.slice(0, count);
    await onReport({ stats, ids, records: decoded.records.slice(0, count) });
  }

  return {
    port,
    stats,
    behave: (changes) => void Object.assign(behaviour, changes),
    script: (entries) => {
      for (const { times = 1, ...reply } of entries) if (times > 0) script.push({ reply, left: times });
    },
    refuse: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
      await closed;
    },
    listen,
  };
}

function tally(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
