/** The simulated collector: what each weather does to a request, to its data and to its connection. */

import { describe, expect, test } from 'vitest';
import { Arrivals } from '../../simulation/network/arrivals.ts';
import { idOf, idText, NO_ID } from '../../simulation/network/record-ids.ts';
import { contentOf } from '../../simulation/network/request-content.ts';
import { outcomeOf } from '../../src/otlp/response.ts';
import { decodeRequest } from '../../src/testing/decode.ts';
import { encodedRequest, SimulatedNetwork } from '../support/simulated-network.ts';

describe('requests', () => {
  test('the ids of records are read as an independent decoder reads their bodies', () => {
    const bodies = [
      'p1-0',
      'p12-345 padded with something',
      'p3-4294967295',
      'Löst 3 records',
      'p3',
      'p-1',
      'p1-x',
      '',
    ];
    const request = encodedRequest(bodies);
    const { ids, bytes } = contentOf(request);
    expect(decodeRequest(Buffer.from(request), 'protobuf', 'ids', 'body').ids).toEqual(bodies);
    expect(ids.map((id) => (id === NO_ID ? '' : idText(id)))).toEqual([
      'p1-0',
      'p12-345',
      'p3-4294967295',
      '',
      '',
      '',
      '',
      '',
    ]);
    expect(ids).toEqual(bodies.map(idOf));
    expect(bytes).toBe(request.length);
  });

  test('a request that is cut short is refused', () => {
    const request = encodedRequest(['p1-0', 'p1-1']);
    for (let length = 1; length < request.length; length++) {
      expect(() => contentOf(request.subarray(0, length)), `${length} bytes`).toThrow(RangeError);
    }
  });

  test('every arrival of a record is remembered', () => {
    const arrivals = new Arrivals();
    const ids = ['p1-0', 'p2-0', 'p1-1', 'something else'].map(idOf);
    arrivals.add(ids, 4, 10);
    arrivals.add(ids, 2, 20);
    arrivals.add(ids, 1, 30);
    expect(arrivals.ofText('p1-0')).toEqual([10, 20, 30]);
    expect(arrivals.ofText('p2-0')).toEqual([10, 20]);
    expect(arrivals.ofText('p1-1')).toEqual([10]);
    expect(arrivals.ofText('p1-2')).toEqual([]);
    expect(arrivals.others).toBe(1);
    expect([...arrivals.repeated.keys()].map(idText)).toEqual(['p1-0', 'p2-0']);
  });
});

test('a healthy simulated collector stores what arrives and answers 200 after its latency', async () => {
  const network = new SimulatedNetwork({ kind: 'healthy', latencyMillis: 20, jitter: 0 });
  const post = network.post(3);
  await network.advance(20);
  expect(post.status).toBeUndefined();
  await network.advance(1);
  expect(post.status).toBe(200);
  expect(network.collector.receivedAt('p1-2')).toEqual([1]);
  expect(network.collector.requests).toMatchObject([
    { at: 0, process: 'p1', answer: '200', answeredAt: 21, takenAt: 1, taken: 3, connection: 1 },
  ]);
});

test('a connection that is kept alive serves the next request, and concurrent requests have one each', async () => {
  const network = new SimulatedNetwork();
  network.post();
  await network.advance(20);
  network.post();
  network.post();
  await network.advance(20);
  expect(network.collector.requests.map(({ connection }) => connection)).toEqual([1, 1, 2]);
  expect(network.collector.requests.every(({ answer }) => answer === '200')).toBe(true);
});

test('requests beyond the limit of connections wait for one', async () => {
  const network = new SimulatedNetwork({ kind: 'healthy', latencyMillis: 100, jitter: 0 });
  const posts = Array.from({ length: 20 }, () => network.post());
  await network.advance(110);
  expect(posts.filter(({ status }) => status === 200)).toHaveLength(16);
  await network.advance(110);
  expect(posts.filter(({ status }) => status === 200)).toHaveLength(20);
  expect(network.collector.connects).toHaveLength(16);
});

test('a simulated collector that is down refuses connections', async () => {
  const network = new SimulatedNetwork({ kind: 'down' });
  const post = network.post();
  await network.advance(0);
  expect(post.error).toMatchObject({ code: 'ECONNREFUSED' });
  expect(network.collector.requests).toMatchObject([{ answer: 'refused', taken: 0 }]);
});

test('a simulated collector that goes down resets requests under way, whose data it may have stored', async () => {
  const network = new SimulatedNetwork({ kind: 'healthy', latencyMillis: 100 });
  const post = network.post();
  await network.advance(10);
  network.collector.weather = { kind: 'down' };
  await network.advance(0);
  expect(post.error).toMatchObject({ code: 'ECONNRESET' });
  await network.advance(1_000);
  expect(network.collector.requests).toMatchObject([{ answer: 'reset', taken: 1, takenAt: 1 }]);
  network.collector.weather = { kind: 'healthy' };
  const next = network.post();
  await network.advance(10);
  expect(next.status).toBe(200);
});

test('a black hole is silent until the time is up, and the repeated SYN gets through afterwards', async () => {
  const network = new SimulatedNetwork({ kind: 'black-hole' });
  const first = network.post();
  await network.advance(9_999);
  expect(first.error).toBeUndefined();
  await network.advance(1);
  expect(first.error).toMatchObject({ code: 'ETIMEDOUT' });
  const second = network.post();
  await network.advance(1_500);
  network.collector.weather = { kind: 'healthy' };
  await network.advance(1_400);
  expect(second.status).toBeUndefined();
  await network.advance(200);
  expect(second.status).toBe(200);
  expect(network.collector.requests).toMatchObject([
    { answer: 'lost', abandonedAt: 10_000 },
    { answer: '200' },
  ]);
});

test('a request or an answer that a black hole swallows is repeated by TCP', async () => {
  const network = new SimulatedNetwork({ kind: 'healthy', latencyMillis: 50, jitter: 0 });
  const stored = network.post();
  await network.advance(10);
  network.collector.weather = { kind: 'black-hole' };
  await network.advance(290);
  network.collector.weather = { kind: 'healthy' };
  await network.advance(100);
  // Repeated 200 and 600 ms after it was first sent, at 51.
  expect(stored.status).toBeUndefined();
  await network.advance(260);
  expect(stored.status).toBe(200);
});

describe.each([true, false])('a collector that hangs (data stored: %s)', (takes) => {
  const hanging = `a simulated collector that hangs ${takes ? 'with' : 'without'} the data stored`;

  test(`${hanging} answers when it goes on`, async () => {
    const network = new SimulatedNetwork({ kind: 'hang', takes });
    const post = network.post();
    await network.advance(5_000);
    expect(network.collector.receivedAt('p1-0')).toHaveLength(takes ? 1 : 0);
    network.collector.weather = { kind: 'healthy' };
    await network.advance(10);
    expect(post.status).toBe(200);
    expect(network.collector.receivedAt('p1-0')).toHaveLength(1);
  });

  test(`${hanging} does not answer requests that were given up`, async () => {
    const network = new SimulatedNetwork({ kind: 'hang', takes });
    const post = network.post();
    await network.advance(10_000);
    expect(post.error).toMatchObject({ code: 'ETIMEDOUT' });
    network.collector.weather = { kind: 'healthy' };
    await network.advance(10);
    expect(network.collector.receivedAt('p1-0')).toHaveLength(takes ? 1 : 0);
  });
});

test.each([true, false])('a reset is an error of the connection (data stored: %s)', async (takes) => {
  const network = new SimulatedNetwork({ kind: 'reset', takes });
  const post = network.post();
  await network.advance(10);
  expect(post.error).toMatchObject({ code: 'ECONNRESET' });
  expect(network.collector.receivedAt('p1-0')).toHaveLength(takes ? 1 : 0);
});

test.each([
  [200, 'reset', 'delivered', 0],
  [200, 'hang', 'delivered', 10_000],
  [503, 'reset', 'retryable', 0],
  [503, 'hang', 'retryable', 10_000],
] as const)(
  'half an answer %i that ends with a %s still counts by its status',
  async (status, end, outcome, afterMillis) => {
    const network = new SimulatedNetwork({ kind: 'half-answer', status, end });
    const post = network.post();
    await network.advance(9_999);
    expect(post.status).toBe(afterMillis > 0 ? undefined : status);
    await network.advance(1);
    expect(post.response && outcomeOf(post.response, network.clock.wallNow).kind).toBe(outcome);
  },
);

test.each([
  [{ kind: 'failing', status: 503 }, 'retryable', 'HTTP 503'],
  [{ kind: 'failing', status: 500 }, 'ambiguous', 'HTTP 500'],
  [{ kind: 'partial', share: 1, how: 502 }, 'retryable', 'HTTP 502 Bad Gateway'],
  [{ kind: 'memory-limit', bytes: 1, drainBytesPerSecond: 1 }, 'retryable', 'high memory usage'],
  [{ kind: 'size-limit', bytes: 1, how: '413' }, 'too_large', 'HTTP 413'],
  [{ kind: 'size-limit', bytes: 1, how: '400-said' }, 'too_large', 'http: request body too large'],
  [{ kind: 'size-limit', bytes: 1, how: '400-unsaid' }, 'malformed', 'HTTP 400'],
  [{ kind: 'size-limit', bytes: 1, how: '500' }, 'ambiguous', 'HTTP 500'],
  [{ kind: 'wrong-address', how: 404 }, 'ambiguous', '404 page not found'],
  [{ kind: 'wrong-address', how: 400 }, 'malformed', 'HTTPS server'],
  [{ kind: 'credentials-expired', status: 401 }, 'ambiguous', 'Unauthorized'],
  [{ kind: 'poison', every: 1 }, 'malformed', 'illegal wireType'],
] as const)('the exporter reads the answer of the weather %j as %s', async (weather, outcome, words) => {
  const network = new SimulatedNetwork(weather);
  const post = network.post();
  await network.advance(10);
  const read = post.response && outcomeOf(post.response, network.clock.wallNow);
  expect(read).toMatchObject({ kind: outcome, error: { message: expect.stringContaining(words) } });
  expect(network.collector.receivedAt('p1-0')).toEqual([]);
});
