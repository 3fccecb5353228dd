/** Real servers on this machine for the tests of the OTLP transport: one that keeps what it is sent, and a proxy. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export function fixture(name: string): Buffer {
  return readFileSync(fixturePath(name));
}

export function fixturePath(name: string): string {
  return new URL(`../fixtures/tls/${name}`, import.meta.url).pathname;
}

export const SERVER_TLS = { cert: fixture('server.pem'), key: fixture('server-key.pem') };

export interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Answer = (response: ServerResponse, received: Received) => void;

export class HttpSink {
  readonly requests: Received[] = [];
  readonly sockets = new Set<Socket>();
  answer: Answer = (response) => response.end();
  connections = 0;
  readonly #server: Server;
  readonly #scheme: string;

  constructor(tls?: ServerOptions) {
    const listener = (request: IncomingMessage, response: ServerResponse) =>
      void this.#receive(request, response);
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server.keepAliveTimeout = 0;
    this.#server.on('connection', (socket: Socket) => {
      this.connections++;
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.sockets.delete(socket));
    });
    this.#server.on('tlsClientError', () => {});
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    onTestFinished(() => this.stop());
    return this;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return;
    }
    const { method, url: path, headers } = request;
    const received = { method, path, headers, body: Buffer.concat(chunks) };
    this.requests.push(received);
    this.answer(response, received);
  }
}

export function startSink(tls?: ServerOptions): Promise<HttpSink> {
  return new HttpSink(tls).start();
}

export class TestProxy {
  /** `CONNECT host:port` or `POST http://…`, in order. */
  readonly asked: { line: string; authorization: string | undefined }[] = [];
  connectAnswer = 'HTTP/1.1 200 Connection established\r\n\r\n';
  /** Instead of any answer to CONNECT. */
  onConnect: ((socket: Socket) => void) | undefined;
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** @param targetPort where everything leads, whatever host is asked for. */
  constructor(targetPort: number) {
    this.#server = createServer((incoming, response) => {
      this.#remember(incoming);
      const { method, headers } = incoming;
      const path = new URL(incoming.url ?? '').pathname;
      const outgoing = request({ host: '127.0.0.1', port: targetPort, method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      incoming.pipe(outgoing);
    });
    this.#server.on('connect', (incoming: IncomingMessage, socket: Socket) => {
      this.#remember(incoming);
      // Sockets of a server of Node's stay half open when the other side ends.
      socket.on('error', () => {}).on('end', () => socket.end());
      if (this.onConnect !== undefined) return this.onConnect(socket.resume());
      socket.write(this.connectAnswer);
      if (!this.connectAnswer.startsWith('HTTP/1.1 200')) return void socket.end();
      const target = connect(targetPort, '127.0.0.1');
      target.on('error', () => socket.destroy()).on('close', () => socket.destroy());
      socket.on('close', () => target.destroy());
      socket.pipe(target).pipe(socket);
    });
    this.#server.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    onTestFinished(() => {
      this.#server.close();
      for (const socket of this.#sockets) socket.destroy();
    });
    return this;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  urlWith(credentials = ''): string {
    return `http://${credentials}127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #remember(incoming: IncomingMessage): void {
    const line = `${incoming.method} ${incoming.url}`;
    this.asked.push({ line, authorization: incoming.headers['proxy-authorization'] });
  }
}

export function startProxy(targetPort: number): Promise<TestProxy> {
  return new TestProxy(targetPort).start();
}

/** A server that does with its connections what it is told, and speaks no HTTP by itself. */
export async function startTcp(
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; open: Set<Socket> }> {
  const open = new Set<Socket>();
  const server = createTcpServer((socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, open };
}
