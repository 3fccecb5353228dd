/** What becomes of each answer of a collector: outcome, waits, partial successes, and messages people can read. */

import { STATUS_CODES } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeResponse, encodeStatus } from '../demo/collector/decode.ts';
import type { OtlpResponse } from '../src/otlp/http-transport.ts';
import { outcomeOf, outcomeOfFailure } from '../src/otlp/otlp-response.ts';
import { runs } from './support/property-runs.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json; charset=utf-8';
const ENDPOINT = 'https://collector.test/v1/logs';
const now = () => 784_111_777_000;

function answer(status: number, fields: Partial<OtlpResponse> = {}): OtlpResponse {
  const body = new Uint8Array();
  return {
    status,
    statusText: STATUS_CODES[status] ?? '',
    retryAfter: undefined,
    contentType: PROTOBUF,
    endpoint: ENDPOINT,
    body,
    ...fields,
  };
}

function messageOf(status: number, fields: Partial<OtlpResponse> = {}): string {
  const outcome = outcomeOf(answer(status, fields), now);
  if (!('error' in outcome)) throw new Error('it was delivered');
  return (outcome.error as Error).message;
}

describe('a status', () => {
  test.each([
    [200, 'delivered'],
    [202, 'delivered'],
    [204, 'delivered'],
    [299, 'delivered'],
    [300, 'ambiguous'],
    [301, 'ambiguous'],
    [308, 'ambiguous'],
    [400, 'malformed'],
    [401, 'ambiguous'],
    [402, 'rejected'],
    [403, 'ambiguous'],
    [404, 'ambiguous'],
    [405, 'ambiguous'],
    [407, 'ambiguous'],
    [408, 'retryable'],
    [413, 'too_large'],
    [415, 'ambiguous'],
    [418, 'rejected'],
    [429, 'retryable'],
    [431, 'rejected'],
    [500, 'ambiguous'],
    [501, 'ambiguous'],
    [502, 'retryable'],
    [503, 'retryable'],
    [504, 'retryable'],
    [505, 'ambiguous'],
    [599, 'ambiguous'],
    [999, 'ambiguous'],
  ])('%i means %s', (status, kind) => {
    const outcome = outcomeOf(answer(status), now);
    expect(outcome.kind).toBe(kind);
    if (kind === 'delivered') expect(outcome).toEqual({ kind, rejectedRecords: 0 });
    else expect(outcome).toMatchObject({ error: { code: status } });
  });

  test.each([
    [408, 30_000],
    [429, 30_000],
    [502, 30_000],
    [503, 30_000],
    [504, 30_000],
    [400, undefined],
    [401, undefined],
    [413, undefined],
    [500, undefined],
  ])('%i with Retry-After asks for a wait of %s', (status, retryAfterMillis) => {
    for (const retryAfter of ['30', 'Sun, 06 Nov 1994 08:50:07 GMT']) {
      const outcome = outcomeOf(answer(status, { retryAfter }), now);
      expect('retryAfterMillis' in outcome ? outcome.retryAfterMillis : undefined).toBe(retryAfterMillis);
    }
  });

  test('a Retry-After that says nothing is none', () => {
    expect(outcomeOf(answer(503, { retryAfter: 'soon' }), now)).not.toHaveProperty('retryAfterMillis');
  });
});

describe('a partial success', () => {
  const partial = { rejected: 7, message: 'too old' };
  const delivered = { kind: 'delivered', rejectedRecords: 7, message: 'too old' };

  test.each<[string, Partial<OtlpResponse>]>([
    ['in protobuf', { body: encodeResponse('protobuf', partial) }],
    ['in protobuf without a type', { body: encodeResponse('protobuf', partial), contentType: undefined }],
    ['in JSON', { body: encodeResponse('json', partial), contentType: JSON_TYPE }],
    [
      'in JSON with its number as text, as the mapping of protobuf has it',
      {
        body: Buffer.from('{"partialSuccess":{"rejectedLogRecords":"7","errorMessage":"too old"}}'),
        contentType: 'Application/JSON',
      },
    ],
  ])('%s is heard', (_, fields) => {
    expect(outcomeOf(answer(200, fields), now)).toEqual(delivered);
  });

  test('may be a warning alone', () => {
    const body = encodeResponse('protobuf', { rejected: 0, message: 'deprecated' });
    const expected = { kind: 'delivered', rejectedRecords: 0, message: 'deprecated' };
    expect(outcomeOf(answer(200, { body }), now)).toEqual(expected);
  });

  test('of any count and message decodes to what was encoded', () => {
    fc.assert(
      fc.property(fc.nat(), fc.string({ unit: 'grapheme', maxLength: 200 }), (rejected, message) => {
        const body = encodeResponse('protobuf', { rejected, message });
        const json = encodeResponse('json', { rejected, message });
        const outcome = outcomeOf(answer(200, { body }), now);
        expect(outcome).toMatchObject({ kind: 'delivered', rejectedRecords: rejected });
        expect(outcomeOf(answer(200, { body: json, contentType: JSON_TYPE }), now)).toEqual(outcome);
      }),
    );
  });

  test.each<[string, Partial<OtlpResponse>]>([
    ['a negative count', { body: encodeResponse('protobuf', { rejected: -3, message: '' }) }],
    ['no body', {}],
    ['an empty success', { body: encodeResponse('json'), contentType: JSON_TYPE }],
    ['garbage', { body: Buffer.from([0xff, 0xff, 0xff]) }],
    ['a message cut short', { body: encodeResponse('protobuf', partial).subarray(0, 5) }],
    ['a page', { body: Buffer.from('<html>hello'), contentType: 'text/html' }],
    [
      'protobuf that calls itself a page',
      { body: encodeResponse('protobuf', partial), contentType: 'text/html' },
    ],
    ['JSON that is none', { body: Buffer.from('{"partialSuccess":'), contentType: JSON_TYPE }],
    ['JSON of something else', { body: Buffer.from('null'), contentType: JSON_TYPE }],
    [
      'JSON with wrong types',
      {
        body: Buffer.from('{"partialSuccess":{"rejectedLogRecords":{},"errorMessage":7}}'),
        contentType: JSON_TYPE,
      },
    ],
  ])('%s is a delivery of everything', (_, fields) => {
    expect(outcomeOf(answer(200, fields), now)).toEqual({ kind: 'delivered', rejectedRecords: 0 });
  });

  test('whatever bytes a 200 comes with, it is a delivery', () => {
    const types = fc.constantFrom(PROTOBUF, JSON_TYPE, 'text/plain', undefined, '', ';');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), types, (body, contentType) => {
        const outcome = outcomeOf(answer(200, { body, contentType }), now);
        expect(outcome).toMatchObject({ kind: 'delivered' });
        if (outcome.kind === 'delivered') expect(outcome.rejectedRecords).toBeGreaterThanOrEqual(0);
      }),
      runs(200),
    );
  });
});

describe('a message', () => {
  const reason = 'key expired';
  test.each<[string, Partial<OtlpResponse>, string]>([
    ['a google.rpc.Status', { body: encodeStatus('protobuf', 16, reason) }, reason],
    ['one in JSON', { body: encodeStatus('json', 16, reason), contentType: JSON_TYPE }, reason],
    [
      'a problem in JSON',
      { body: Buffer.from('{"title":"no"}'), contentType: 'application/problem+json' },
      '{"title":"no"}',
    ],
    ['JSON that is none', { body: Buffer.from('{oops'), contentType: JSON_TYPE }, '{oops'],
    [
      'text',
      { body: Buffer.from(' key\r\n\texpired\u001b[31m\u2028!\n'), contentType: 'text/plain' },
      'key expired [31m !',
    ],
  ])('quotes %s', (_, fields, quoted) => {
    expect(messageOf(500, fields)).toBe(`HTTP 500 Internal Server Error from ${ENDPOINT}: ${quoted}`);
  });

  test('quotes no more than 200 characters', () => {
    const body = Buffer.from('x'.repeat(10_000));
    expect(messageOf(500, { body, contentType: 'text/html' })).toBe(
      `HTTP 500 Internal Server Error from ${ENDPOINT}: ${'x'.repeat(200)}…`,
    );
  });

  test.each<[string, Partial<OtlpResponse>]>([
    ['no body', {}],
    ['garbage', { body: Buffer.from([0xff]) }],
    ['an image', { body: Buffer.from('PNG'), contentType: 'image/png' }],
  ])('does without %s', (_, fields) => {
    expect(messageOf(503, fields)).toBe(`HTTP 503 Service Unavailable from ${ENDPOINT}`);
  });

  test.each([401, 403, 404, 405, 407, 415])(
    'says of %i that it is likely a matter of configuration',
    (status) => {
      expect(messageOf(status)).toMatch(/^HTTP \d+ .* from https:.* \(likely a configuration error\)$/);
      expect(messageOf(status, { body: encodeStatus('protobuf', 16, reason) })).toContain(': key expired');
    },
  );

  test('quotes the name of the status as the server has it, on one line', () => {
    expect(messageOf(500, { statusText: 'So\tSorry' })).toBe(`HTTP 500 So Sorry from ${ENDPOINT}`);
  });

  test('does without a name for the status, and without an endpoint', () => {
    const { endpoint: _endpoint, statusText: _text, ...response } = answer(599);
    expect(outcomeOf(response, now)).toMatchObject({ error: { message: 'HTTP 599' } });
  });
});

test('a request without an answer is one to try again', () => {
  const error = new Error('no answer');
  expect(outcomeOfFailure(error)).toEqual({ kind: 'retryable', error });
});
