/** The simulated collector's weathers over time: limits that fill up, shares, recoveries, idle connections, stopped processes. */

import { expect, test } from 'vitest';
import { Collector } from '../../simulation/network/collector.ts';
import { SimulatedTransport } from '../../simulation/network/own-transport.ts';
import { retryAfterMillis } from '../../src/otlp/response.ts';
import { partialSuccessOf } from '../../src/otlp/response-body.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { encodedRequest, type Post, SimulatedNetwork } from '../support/simulated-network.ts';

const NO_JITTER = { latencyMillis: 5, jitter: 0 } as const;

/** Answers of so many requests, one every `everyMillis`. */
async function answers(network: SimulatedNetwork, requests: number, everyMillis: number): Promise<string[]> {
  for (let request = 0; request < requests; request++) {
    network.post();
    await network.advance(everyMillis);
  }
  await network.advance(1_000);
  return network.collector.requests.map(({ answer }) => answer);
}

test('a rate limit lets one request pass, and the next when its share of a minute is over', async () => {
  const network = new SimulatedNetwork({ kind: 'rate-limit', requestsPerMinute: 30, status: 503 });
  expect(await answers(network, 5, 1_001)).toEqual(['200', '503', '200', '503', '200']);
});

test('a rate limit with a burst lets that many requests pass together', async () => {
  const network = new SimulatedNetwork({
    kind: 'rate-limit',
    requestsPerMinute: 60,
    burst: 3,
    status: 429,
    retryAfterSeconds: 4,
  });
  expect(await answers(network, 6, 1)).toEqual(['200', '200', '200', '429', '429', '429']);
});

test.each(['seconds', 'date'] as const)(
  'the wait that a Retry-After in the form of %s asks for is on record, with its end',
  async (retryAfterForm) => {
    const network = new SimulatedNetwork({
      kind: 'rate-limit',
      requestsPerMinute: 1,
      burst: 0,
      status: 429,
      retryAfterSeconds: 30,
      retryAfterForm,
      ...NO_JITTER,
    });
    await network.advance(500);
    const post = network.post();
    await network.advance(6);
    const asked = retryAfterMillis(post.response?.retryAfter, network.clock.wallNow());
    // A date is cut to whole seconds.
    expect(asked).toBe(retryAfterForm === 'date' ? 29_494 : 30_000);
    const { waitUntil } = network.collector.requests[0] ?? {};
    expect(Math.abs((waitUntil ?? 0) - network.clock.now() - (asked ?? 0))).toBeLessThanOrEqual(5);
  },
);

test('a memory limit refuses what does not fit beside what it holds, and takes it after that has drained', async () => {
  const bytes = encodedRequest(['p1-0 ']).length;
  const network = new SimulatedNetwork({
    kind: 'memory-limit',
    bytes: 2 * bytes,
    drainBytesPerSecond: bytes,
    ...NO_JITTER,
  });
  const posts = [network.post(), network.post(), network.post()];
  await network.advance(10);
  expect(posts.map(({ status }) => status)).toEqual([200, 200, 503]);
  await network.advance(1_000);
  const later = [network.post(), network.post()];
  await network.advance(10);
  expect(later.map(({ status }) => status)).toEqual([200, 503]);
});

test.each([
  ['413', 413],
  ['400-said', 400],
  ['400-unsaid', 400],
  ['500', 500],
] as const)('a size limit (%s) refuses only larger requests', async (how, status) => {
  const limit = encodedRequest(['p1-0 ', 'p1-1 ']).length;
  const network = new SimulatedNetwork({ kind: 'size-limit', bytes: limit, how });
  const [fits, larger] = [network.post(2), network.post(3)] as [Post, Post];
  await network.advance(10);
  expect([fits.status, larger.status]).toEqual([200, status]);
  expect(network.collector.arrivals.records).toBe(2);
});

test.each([502, 503, 'reset', 'refused'] as const)(
  'a partial outage by %s fails a share of the requests',
  async (how) => {
    const network = new SimulatedNetwork({ kind: 'partial', share: 0.3, how });
    const fails = [0.1, 0.9, 0.3, 0.29, 0.5];
    const posts: Post[] = [];
    for (const chance of fails) {
      network.clock.chance = chance;
      // A connection of its own for each: the dead upstream refuses connections, not requests.
      const { clock, collector } = network;
      const transport = new SimulatedTransport(collector, { id: 'p1', clock });
      const post = { status: undefined as number | undefined } as Post;
      transport.post(encodedRequest([`p1-${posts.length}`]), new AbortController().signal).then(
        ({ status }) => Object.assign(post, { status }),
        (error) => Object.assign(post, { error }),
      );
      posts.push(post);
      await network.advance(10);
    }
    expect(posts.map(({ status }) => status === 200)).toEqual([false, true, true, false, true]);
    expect(network.collector.arrivals.records).toBe(3);
  },
);

test('a slow recovery answers faster and faster', async () => {
  const network = new SimulatedNetwork({
    kind: 'slow-recovery',
    fromMillis: 1_000,
    toMillis: 100,
    overMillis: 9_000,
    jitter: 0,
  });
  network.post();
  await network.advance(4_500);
  network.post();
  await network.advance(10_000);
  network.post();
  await network.advance(1_000);
  const took = network.collector.requests.map(
    ({ takenAt, answeredAt }) => (answeredAt ?? 0) - (takenAt ?? 0),
  );
  expect(took[0]).toBeCloseTo(1_000, -1);
  expect(took[1]).toBeCloseTo(550, -1);
  expect(took[2]).toBe(100);
});

test('a partial success rejects the last records, and the answer says so', async () => {
  const network = new SimulatedNetwork({ kind: 'partial-success', share: 0.25 });
  const post = network.post(8);
  await network.advance(10);
  expect(post.response && partialSuccessOf(post.response)).toEqual({
    rejectedRecords: 2,
    message: 'records without a timestamp',
  });
  expect(network.collector.receivedAt('p1-5')).toHaveLength(1);
  expect(network.collector.receivedAt('p1-6')).toHaveLength(0);
});

test('a poisoned record spoils its request, and no other', async () => {
  const network = new SimulatedNetwork({ kind: 'poison', every: 10 });
  const posts = [network.post(5), network.post(5), network.post(5)];
  await network.advance(10);
  expect(posts.map(({ status }) => status)).toEqual([400, 200, 400]);
});

test('the latency deviates by chance, and grows with the size of a request where the weather says so', async () => {
  const network = new SimulatedNetwork({
    kind: 'healthy',
    latencyMillis: 100,
    jitter: 0.5,
    millisPerMegabyte: 1e5,
  });
  const took: number[] = [];
  for (const chance of [0, 0.5, 0.75]) {
    network.clock.chance = chance;
    network.post();
    await network.advance(5_000);
    const { takenAt = 0, answeredAt = 0, bytes } = network.collector.requests.at(-1) ?? { bytes: 0 };
    took.push((answeredAt - takenAt) / (100 + bytes / 10));
  }
  expect(took.map((share) => Number(share.toFixed(6)))).toEqual([0.5, 1, 1.25]);
});

test('a connection that the server closed while it was idle is not used again', async () => {
  const network = new SimulatedNetwork({ kind: 'healthy' }, { idle: { afterMillis: 5_000, how: 'closed' } });
  const first = network.post();
  await network.advance(4_900);
  const second = network.post();
  await network.advance(5_100);
  const third = network.post();
  await network.advance(10);
  expect([first, second, third].map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(network.collector.requests.map(({ connection }) => connection)).toEqual([1, 1, 2]);
});

test('a request that meets the end of an idle connection is sent again over a new one', async () => {
  const network = new SimulatedNetwork(
    { kind: 'healthy', ...NO_JITTER },
    { idle: { afterMillis: 5_000, how: 'closed' } },
  );
  network.post();
  await network.advance(5_006);
  const second = network.post();
  await network.advance(10);
  expect(second.status).toBe(200);
  expect(network.collector.requests.map(({ answer }) => answer)).toEqual(['200', 'idle reset', '200']);
  network.collector.weather = { kind: 'reset', takes: false };
  const third = network.post();
  await network.advance(10);
  expect(third.error).toMatchObject({ code: 'ECONNRESET' });
});

test('a request that wants a connection of its own gets one, and the idle ones are closed', async () => {
  const network = new SimulatedNetwork();
  network.post();
  await network.advance(20);
  network.post(1, '', { freshConnection: true });
  await network.advance(20);
  network.post();
  await network.advance(20);
  expect(network.collector.requests.map(({ connection }) => connection)).toEqual([1, 2, 2]);
});

test('a connection has a time of its own to be made in, where the request says so, and the answer has not', async () => {
  const network = new SimulatedNetwork({ kind: 'black-hole' });
  const lost = network.post(1, '', { connectTimeoutMillis: 3_000 });
  await network.advance(3_000);
  expect(lost.error).toMatchObject({
    code: 'ETIMEDOUT',
    message: expect.stringContaining('no connection within 3000 ms'),
  });
  network.collector.weather = { kind: 'healthy', latencyMillis: 8_000, jitter: 0 };
  const slow = network.post(1, '', { connectTimeoutMillis: 3_000 });
  await network.advance(8_010);
  expect(slow.status).toBe(200);
});

test('a request after silences is given its time once more for each of them, and six times at most', async () => {
  for (const [silences, millis] of [
    [1, 20_000],
    [5, 60_000],
    [9, 60_000],
  ] as const) {
    const network = new SimulatedNetwork({ kind: 'hang', takes: false });
    const post = network.post(1, '', { silences });
    await network.advance(millis - 1);
    expect(post.error).toBeUndefined();
    await network.advance(1);
    expect(post.error).toMatchObject({ code: 'ETIMEDOUT' });
  }
});

test('a connection that the network has forgotten passes nothing, and a new one everything', async () => {
  const network = new SimulatedNetwork(
    { kind: 'healthy' },
    { idle: { afterMillis: 5_000, how: 'forgotten' } },
  );
  network.post();
  await network.advance(6_000);
  const second = network.post();
  await network.advance(10_000);
  expect(second.error).toMatchObject({ code: 'ETIMEDOUT' });
  const third = network.post();
  await network.advance(10);
  expect(third.status).toBe(200);
  expect(network.collector.requests.map(({ answer }) => answer)).toEqual(['200', 'lost', '200']);
});

test('a restart of the simulated collector resets idle connections, and the next request makes a new one', async () => {
  const network = new SimulatedNetwork();
  network.post();
  await network.advance(100);
  network.collector.weather = { kind: 'down' };
  network.collector.weather = { kind: 'healthy' };
  const post = network.post();
  await network.advance(10);
  expect(post.status).toBe(200);
  expect(network.collector.requests.map(({ connection }) => connection)).toEqual([1, 2]);
});

test('a stopped process receives its answers when it goes on', async () => {
  const network = new ManualClock();
  const collector = new Collector(network);
  // A clock of its own, which the test lets stand still.
  const own = new ManualClock();
  const transport = new SimulatedTransport(collector, { id: 'p1', clock: own });
  let status: number | undefined;
  void transport.post(encodedRequest(['p1-0']), new AbortController().signal).then((response) => {
    status = response.status;
  });
  await network.advance(5);
  await own.settle();
  await network.advance(60_000);
  expect(status).toBeUndefined();
  expect(collector.requests).toMatchObject([{ answer: '200', taken: 1 }]);
  await own.advance(0);
  expect(status).toBe(200);
});

test('the request and the result of every export are on record', async () => {
  const network = new SimulatedNetwork({ kind: 'failing', status: 503 });
  network.post(3);
  await network.advance(10);
  network.collector.weather = { kind: 'down' };
  network.post(2);
  await network.advance(10);
  const given = network.post(1);
  given.abort();
  await network.advance(10);
  expect(network.collector.calls).toMatchObject([
    { process: 'p1', lane: 'own', records: 3, result: '503' },
    { process: 'p1', lane: 'own', records: 2, result: 'ECONNREFUSED' },
    { process: 'p1', lane: 'own', records: 1 },
  ]);
  expect(network.collector.connects.map(({ outcome }) => outcome)).toEqual(['open', 'refused', 'refused']);
});
