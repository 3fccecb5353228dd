/** The OTLP exporter's transport against a server that answers anything but HTTP as it should be. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { resolveOtlpConfig } from '../../src/otlp/config.ts';
import { HttpTransport } from '../../src/otlp/http-transport.ts';
import { outcomeOf, outcomeOfFailure } from '../../src/otlp/response.ts';
import { runs } from '../support/property-runs.ts';
import { until } from '../support/until.ts';

const TIMEOUT_MILLIS = 100;
/** What a busy machine may add to a bound. */
const SLACK_MILLIS = 2_000;

/** What the server does once a request, or a piece of one, is there. */
type Action =
  | { write: Buffer }
  | { end: 'end' | 'destroy' | 'reset' }
  | { waitMillis: number }
  | { drip: Buffer };

const processWarnings: Error[] = [];
const remember = (warning: Error) => void processWarnings.push(warning);
beforeAll(() => void process.on('warning', remember));
afterAll(() => {
  process.off('warning', remember);
  expect(processWarnings).toEqual([]);
});

class HostileServer {
  actions: readonly Action[] = [];
  connections = 0;
  readonly open = new Set<Socket>();
  readonly #server = createServer((socket) => {
    this.connections++;
    this.open.add(socket);
    socket.on('error', () => {}).on('close', () => this.open.delete(socket));
    socket.on('data', () => void this.#act(socket, this.actions));
  });

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    onTestFinished(() => {
      this.#server.close();
      for (const socket of this.open) socket.destroy();
    });
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #act(socket: Socket, actions: readonly Action[]): Promise<void> {
    for (const action of actions) {
      if (socket.destroyed) return;
      if ('write' in action) socket.write(action.write);
      else if ('waitMillis' in action) await pause(action.waitMillis);
      else if ('drip' in action) {
        for (const byte of action.drip) {
          if (socket.destroyed) return;
          socket.write(Buffer.of(byte));
          await pause(1);
        }
      }
      // Node never tells of the close of a socket that was ended first and then reset.
      else if (action.end === 'reset' && !socket.writableEnded) socket.resetAndDestroy();
      else if (action.end === 'reset') socket.destroy();
      else socket[action.end]();
    }
  }
}

function pause(millis: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, millis));
}

/** Posts once, and sees to it that this settles in time and leads to an outcome. */
async function postAndJudge(transport: HttpTransport): Promise<string> {
  const startedAt = performance.now();
  const outcome = await transport
    .post(Buffer.from('a batch'), new AbortController().signal)
    .then((response) => outcomeOf(response, Date.now), outcomeOfFailure);
  expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MILLIS + SLACK_MILLIS);
  return outcome.kind;
}

function transportTo(server: HostileServer): HttpTransport {
  const transport = new HttpTransport(
    resolveOtlpConfig({ url: server.url, timeoutMillis: TIMEOUT_MILLIS }, {}),
  );
  onTestFinished(() => transport.close());
  return transport;
}

const write = (text: string): Action => ({ write: Buffer.from(text, 'latin1') });
const drip = (text: string): Action => ({ drip: Buffer.from(text, 'latin1') });
const HINT = 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';

test.each<[string, Action[], string]>([
  ['nothing', [], 'retryable'],
  ['garbage', [write('\0\xff\x16\x03\x01 garbage\r\n\r\n')], 'retryable'],
  ['another protocol', [write('SSH-2.0-OpenSSH_9.6\r\n')], 'retryable'],
  ['half a status line', [write('HTTP/1.1 20')], 'retryable'],
  ['half a status line and an end', [write('HTTP/1.1 20'), { end: 'end' }], 'retryable'],
  ['half a header', [write('HTTP/1.1 200 OK\r\ncontent-le')], 'retryable'],
  [
    'half a header and an abrupt end',
    [write('HTTP/1.1 200 OK\r\ncontent-le'), { end: 'destroy' }],
    'retryable',
  ],
  ['a status without a reason', [write('HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n')], 'delivered'],
  ['an invalid status', [write('HTTP/1.1 abc OK\r\n\r\n')], 'retryable'],
  ['status 0', [write('HTTP/1.1 000 OK\r\ncontent-length: 0\r\n\r\n')], 'retryable'],
  ['an unknown version', [write('HTTP/9.9 200 OK\r\ncontent-length: 0\r\n\r\n')], 'retryable'],
  ['HTTP/1.0', [write('HTTP/1.0 200 OK\r\n\r\n'), { end: 'end' }], 'delivered'],
  [
    'a length too long',
    [write('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nabc'), { end: 'end' }],
    'delivered',
  ],
  ['a length too short', [write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabcdef')], 'delivered'],
  ['an invalid length', [write('HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n')], 'retryable'],
  [
    'two lengths',
    [write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab')],
    'retryable',
  ],
  [
    'a length and chunks',
    [write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n')],
    'retryable',
  ],
  ['invalid chunks', [write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n')], 'delivered'],
  ['an endless body', [write('HTTP/1.1 503 No\r\n\r\nbusy')], 'retryable'],
  ['a status that drips', [drip(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(2_000)}\r\n\r\n`)], 'retryable'],
  [
    'a body that drips',
    [write('HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n'), drip('x'.repeat(2_000))],
    'delivered',
  ],
  ['huge headers', [write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(1 << 20)}\r\n\r\n`)], 'retryable'],
  ['many headers', [write(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(100_000)}\r\n`)], 'retryable'],
  ['a header line without a colon', [write('HTTP/1.1 200 OK\r\nnonsense\r\n\r\n')], 'retryable'],
  ['an early hint first', [write(`HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${OK}`)], 'delivered'],
  ['an unrequested 100', [write(`HTTP/1.1 100 Continue\r\n\r\n${OK}`)], 'delivered'],
  ['endless interim answers', [write(HINT.repeat(10_000))], 'retryable'],
  ['some interim answers first', [write(`${HINT.repeat(10)}${OK}`)], 'delivered'],
  ['nothing but 100', [write('HTTP/1.1 100 Continue\r\n\r\n')], 'retryable'],
  [
    'another protocol to switch to',
    [write('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nxyz')],
    'retryable',
  ],
  ['several responses together', [write(OK.repeat(5))], 'delivered'],
  ['a response and garbage', [write(`${OK}garbage`)], 'delivered'],
  ['a response and an abrupt end', [write(OK), { end: 'destroy' }], 'delivered'],
  ['an end', [{ end: 'end' }], 'retryable'],
  ['a reset', [{ end: 'reset' }], 'retryable'],
])(
  'a server that answers with %s is judged for what it did, and no connection to it is left',
  async (_, actions, expected) => {
    const server = await new HostileServer().start();
    server.actions = actions;
    const transport = transportTo(server);
    const outcomes = [await postAndJudge(transport), await postAndJudge(transport)];
    expect(outcomes[0]).toBe(expected);
    // One for each request, and one for the second again, where the first left a connection that only seemed to be good.
    expect(server.connections).toBeLessThanOrEqual(3);
    await transport.close();
    await until(() => server.open.size === 0, 'every connection is gone');
  },
);

test('every request ends in time, whatever the server answers, and a good server is believed afterwards', async () => {
  const fragment = fc.constantFrom(
    'HTTP/1.1 ',
    '200 OK',
    '503 No',
    '413',
    '\r\n',
    '\r\n\r\n',
    ':',
    ' ',
    '\0',
    '\xff',
    'content-length: 5',
    'content-length: 0',
    'transfer-encoding: chunked',
    'connection: close',
    'connection: keep-alive',
    'keep-alive: timeout=0',
    'retry-after: 1',
    'content-type: application/json',
    '5\r\nhello\r\n',
    '0\r\n\r\n',
    'hello',
    '{"partialSuccess":',
    OK,
    'HTTP/1.1 100 Continue\r\n\r\n',
  );
  const text = fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join(''));
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 4, arbitrary: text.map(write) },
    { weight: 2, arbitrary: text.map((rest) => write(`HTTP/1.1 200 OK\r\n${rest}`)) },
    {
      weight: 1,
      arbitrary: fc.uint8Array({ maxLength: 64 }).map((bytes) => ({ write: Buffer.from(bytes) })),
    },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 20 }).map((waitMillis) => ({ waitMillis })) },
    { weight: 1, arbitrary: text.map(drip) },
    { weight: 2, arbitrary: fc.constantFrom('end', 'destroy', 'reset').map((end) => ({ end }) as Action) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 5 }), async (actions) => {
      const server = await new HostileServer().start();
      const transport = transportTo(server);
      server.actions = actions;
      await Promise.all([postAndJudge(transport), postAndJudge(transport), postAndJudge(transport)]);
      server.actions = [write(OK)];
      // What came unasked on a connection may still be taken for the next answer on it.
      const kinds = [
        await postAndJudge(transport),
        await postAndJudge(transport),
        await postAndJudge(transport),
      ];
      expect(kinds).toContain('delivered');
      await transport.close();
      await until(() => server.open.size === 0, 'every connection is gone');
    }),
    runs(10),
  );
});
