/** What a request is given that asks whether a destination is back: a new connection, three seconds to make it, time for its answer. */

import { expect, test } from 'vitest';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';
import { ExporterMetrics } from '../../src/otlp/metrics.ts';
import { OtlpSender } from '../../src/otlp/sender.ts';
import { SetUpMistakes } from '../../src/otlp/setup-mistakes.ts';
import type { PostOptions } from '../../src/otlp/transport.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { record } from '../support/records.ts';

/** What the transport is asked for with such hints. */
async function optionsWith(hints: Parameters<OtlpSender['send']>[2]): Promise<PostOptions | undefined> {
  const url = new URL('http://localhost:4318/v1/logs');
  const asked: (PostOptions | undefined)[] = [];
  const transport = {
    post: async (_body: Uint8Array, _signal: AbortSignal, options?: PostOptions) => {
      asked.push(options);
      return { status: 200, retryAfter: undefined, body: new Uint8Array() };
    },
    close: async () => {},
  };
  const sender = new OtlpSender(transport, new ExporterMetrics(url, undefined, false), new ManualClock(), {
    maxRequestBytes: 1_000_000,
    demandsOtlp: false,
    keepAlive: true,
    mistakes: new SetUpMistakes(url),
  });
  const batch = new EncodedBatch(new EnvelopeEncoder(), Number.POSITIVE_INFINITY, 0);
  batch.add(record());
  expect(await sender.send(batch, new AbortController().signal, hints)).toMatchObject({ kind: 'delivered' });
  return asked[0];
}

test('a request over a new connection has three seconds to make it, and its answer all the time it had, or more after silences', async () => {
  expect(await optionsWith({ freshConnection: true, silences: 2 })).toEqual({
    freshConnection: true,
    connectTimeoutMillis: 3_000,
    silences: 2,
    keepAlive: true,
  });
});

test('a request over a connection that is there has no other limit than that of its answer', async () => {
  expect(await optionsWith({ freshConnection: false, silences: 1 })).toEqual({
    freshConnection: false,
    silences: 1,
    keepAlive: true,
  });
  expect(await optionsWith(undefined)).toEqual({ keepAlive: true });
});
