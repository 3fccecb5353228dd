/** What becomes of each answer of a collector: outcome, waits, partial successes, and messages people can read. */

import { STATUS_CODES } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { outcomeOf, outcomeOfFailure } from '../../src/otlp/response.ts';
import type { OtlpResponse } from '../../src/otlp/transport.ts';
import { encodeResponse, encodeStatus } from '../../src/testing/responses.ts';
import { runs } from '../support/property-runs.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json; charset=utf-8';
const ENDPOINT = 'https://collector.test/v1/logs';
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
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

describe('statuses', () => {
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
  ])('the status %i is judged as %s', (status, kind) => {
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
  ])('the wait that Retry-After asks for with status %i is %s', (status, retryAfterMillis) => {
    for (const retryAfter of ['30', 'Sun, 06 Nov 1994 08:50:07 GMT']) {
      const outcome = outcomeOf(answer(status, { retryAfter }), now);
      expect('retryAfterMillis' in outcome ? outcome.retryAfterMillis : undefined).toBe(retryAfterMillis);
    }
  });

  test('a Retry-After that cannot be read counts as none', () => {
    expect(outcomeOf(answer(503, { retryAfter: 'soon' }), now)).not.toHaveProperty('retryAfterMillis');
  });
});

describe('partial successes', () => {
  const partial = { rejected: 7, message: 'too old' };
  const delivered = { kind: 'delivered', rejectedRecords: 7, message: 'too old' };

  test.each<[string, Partial<OtlpResponse>]>([
    ['in protobuf', { body: encodeResponse('protobuf', partial) }],
    ['in protobuf without a type', { body: encodeResponse('protobuf', partial), contentType: undefined }],
    ['in JSON', { body: encodeResponse('json', partial), contentType: JSON_TYPE }],
    [
      'in JSON with its number as text (as protobuf maps it)',
      {
        body: Buffer.from('{"partialSuccess":{"rejectedLogRecords":"7","errorMessage":"too old"}}'),
        contentType: 'Application/JSON',
      },
    ],
  ])('a partial success %s is recognised', (_, fields) => {
    expect(outcomeOf(answer(200, fields), now)).toEqual(delivered);
  });

  test('a partial success can be a warning alone', () => {
    const body = encodeResponse('protobuf', { rejected: 0, message: 'deprecated' });
    const expected = { kind: 'delivered', rejectedRecords: 0, message: 'deprecated' };
    expect(outcomeOf(answer(200, { body }), now)).toEqual(expected);
  });

  test('a partial success of any count and message decodes to what was encoded', () => {
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
    ['an empty body', {}],
    ['an empty success', { body: encodeResponse('json'), contentType: JSON_TYPE }],
    ['a body cut short', { body: encodeResponse('protobuf', partial).subarray(0, 5), extent: 'cut' }],
    ['text', { body: Buffer.from('ok\n'), contentType: 'text/plain; charset=utf-8' }],
    ['text without a type', { body: Buffer.from('Success'), contentType: undefined }],
    ['an empty page', { contentType: 'text/html' }],
    ['a gRPC status of success', { contentType: 'application/grpc', grpcStatus: '0' }],
    ['a status of success in JSON', { body: Buffer.from('{"code":0,"text":"Success"}') }],
    ['JSON of something else', { body: Buffer.from('null'), contentType: JSON_TYPE }],
    [
      'JSON with wrong types',
      {
        body: Buffer.from('{"partialSuccess":{"rejectedLogRecords":{},"errorMessage":7}}'),
        contentType: JSON_TYPE,
      },
    ],
  ])('a 200 with %s means that everything was delivered', (_, fields) => {
    expect(outcomeOf(answer(200, fields), now)).toEqual({ kind: 'delivered', rejectedRecords: 0 });
  });

  test('a 200 with any bytes is judged as delivered or as ambiguous', () => {
    const types = fc.constantFrom(PROTOBUF, JSON_TYPE, 'text/plain', 'text/html', undefined, '', ';');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), types, (body, contentType) => {
        const outcome = outcomeOf(answer(200, { body, contentType }), now);
        if (outcome.kind === 'delivered') expect(outcome.rejectedRecords).toBeGreaterThanOrEqual(0);
        else expect(outcome.kind).toBe('ambiguous');
      }),
      runs(200),
    );
  });
});

describe('answers with status 200 that are not OTLP', () => {
  const page = '<!DOCTYPE html><html><head><title>\n Sign in &amp; pay</title></head><body>x</body></html>';
  const none = '(no answer of OTLP, ';
  test.each<[string, Partial<OtlpResponse>, string]>([
    [
      'a page',
      { body: Buffer.from(page), contentType: 'text/html; charset=utf-8' },
      'text/html): Sign in & pay',
    ],
    [
      'a page without a title',
      { body: Buffer.from('<html><style>p{}</style><p>Sign <b>in</b>'), contentType: 'text/html' },
      'text/html): Sign in',
    ],
    [
      'a page that calls itself text',
      { body: Buffer.from(page), contentType: 'text/plain' },
      'text/plain): Sign in & pay',
    ],
    ['a page of which nothing came through', { extent: 'cut', contentType: 'text/html' }, 'text/html)'],
    [
      'protobuf that calls itself a page',
      { body: encodeResponse('protobuf', { rejected: 7, message: 'old' }), contentType: 'text/html' },
      '',
    ],
    [
      'a gRPC status',
      { contentType: 'application/grpc', grpcStatus: '12', grpcMessage: 'unknown%20service' },
      'application/grpc): gRPC status 12 unknown service',
    ],
    ['gRPC without a status', { contentType: 'application/grpc+proto' }, 'application/grpc+proto)'],
    ['garbage', { body: Buffer.from([0xff, 0xff, 0xff]) }, `${PROTOBUF})`],
    [
      'bytes without a type',
      { body: Buffer.from([0xff, 0, 1]), contentType: undefined },
      'without a content type)',
    ],
    [
      'a response cut in two',
      { body: encodeResponse('protobuf', { rejected: 7, message: 'old' }).subarray(0, 5) },
      PROTOBUF,
    ],
    ['a google.rpc.Status', { body: encodeStatus('protobuf', 13, 'no disk') }, `${PROTOBUF}): no disk`],
    [
      'a google.rpc.Status in JSON',
      { body: encodeStatus('json', 13, 'no disk'), contentType: JSON_TYPE },
      'application/json): no disk',
    ],
    [
      'an error in JSON',
      { body: Buffer.from('{"error":{"message":"no"}}'), contentType: JSON_TYPE },
      'application/json): no',
    ],
    [
      'an error in JSON without a type',
      { body: Buffer.from('{"error":"no"}'), contentType: undefined },
      '): no',
    ],
    [
      'a list of errors',
      { body: Buffer.from('{"errors":["no"]}'), contentType: JSON_TYPE },
      '): {"errors":["no"]}',
    ],
    ['JSON that says it failed', { body: Buffer.from('{"success":false}'), contentType: JSON_TYPE }, ''],
    ['invalid JSON', { body: Buffer.from('{"partialSuccess":'), contentType: JSON_TYPE }, ''],
    ['an image', { body: PNG, contentType: 'image/png' }, 'image/png)'],
  ])('a 200 with %s is a failure of the destination, reported by its address and type', (_, fields, said) => {
    const outcome = outcomeOf(answer(200, fields), now);
    expect(outcome).toMatchObject({ kind: 'ambiguous', error: { code: 200 } });
    const { message } = (outcome as { error: Error }).error;
    expect(message.startsWith(`HTTP 200 OK from ${ENDPOINT} ${none}`)).toBe(true);
    expect(message).toContain(said);
  });

  test('a 200 with plain text is ambiguous where OTLP is demanded, and one with an empty body or with OTLP is delivered', () => {
    const kindOf = (fields: Partial<OtlpResponse>) => outcomeOf(answer(200, fields), now, true).kind;
    expect(kindOf({ body: Buffer.from('ok'), contentType: 'text/plain' })).toBe('ambiguous');
    expect(kindOf({ body: encodeResponse('protobuf'), contentType: undefined })).toBe('delivered');
    expect(kindOf({ body: encodeResponse('json'), contentType: JSON_TYPE })).toBe('delivered');
    expect(kindOf({ contentType: 'text/plain' })).toBe('delivered');
  });
});

test.each([200, 400, 413, 429, 503])(
  'an answer with status %i that is too long is not retried, and its error says so',
  (status) => {
    const outcome = outcomeOf(answer(status, { extent: 'too long', retryAfter: '7' }), now);
    expect(outcome).toMatchObject({
      kind: 'rejected',
      error: { message: expect.stringContaining('(an answer longer than maxResponseBytes)'), code: status },
    });
  },
);

describe('messages', () => {
  const reason = 'key expired';
  test.each<[string, Partial<OtlpResponse>, string]>([
    ['a google.rpc.Status', { body: encodeStatus('protobuf', 16, reason) }, reason],
    [
      'a google.rpc.Status in JSON',
      { body: encodeStatus('json', 16, reason), contentType: JSON_TYPE },
      reason,
    ],
    [
      'a problem in JSON',
      { body: Buffer.from('{"title":"no"}'), contentType: 'application/problem+json' },
      '{"title":"no"}',
    ],
    ['invalid JSON', { body: Buffer.from('{oops'), contentType: JSON_TYPE }, '{oops'],
    [
      'text',
      { body: Buffer.from(' key\r\n\texpired\u001b[31m\u2028!\n'), contentType: 'text/plain' },
      'key expired [31m !',
    ],
    ['text without a type', { body: Buffer.from('key expired'), contentType: undefined }, reason],
    ['text that calls itself protobuf', { body: Buffer.from('key expired') }, reason],
    [
      'text that calls itself bytes',
      { body: Buffer.from(reason), contentType: 'application/octet-stream' },
      reason,
    ],
    [
      'a status that calls itself text',
      { body: encodeStatus('protobuf', 16, reason), contentType: 'text/plain' },
      reason,
    ],
    [
      'the title of a page',
      { body: Buffer.from(`<html><head><title>${reason}</title></head><p>nginx`), contentType: 'text/html' },
      reason,
    ],
  ])('an error message quotes %s', (_, fields, quoted) => {
    expect(messageOf(500, fields)).toBe(`HTTP 500 Internal Server Error from ${ENDPOINT}: ${quoted}`);
  });

  test('an error message quotes no more than 200 characters', () => {
    const body = Buffer.from('x'.repeat(10_000));
    expect(messageOf(500, { body, contentType: 'text/html' })).toBe(
      `HTTP 500 Internal Server Error from ${ENDPOINT}: ${'x'.repeat(200)}…`,
    );
  });

  test.each<[string, Partial<OtlpResponse>]>([
    ['an empty body', {}],
    ['garbage', { body: Buffer.from([0xff]) }],
    ['an image', { body: PNG, contentType: 'image/png' }],
  ])('an error message quotes nothing of %s', (_, fields) => {
    expect(messageOf(503, fields)).toBe(`HTTP 503 Service Unavailable from ${ENDPOINT}`);
  });

  test.each([401, 403, 404, 405, 407, 415])(
    'an error message calls the status %i a likely configuration error',
    (status) => {
      expect(messageOf(status)).toMatch(/^HTTP \d+ .* from https:.* \(likely a configuration error\)$/);
      expect(messageOf(status, { body: encodeStatus('protobuf', 16, reason) })).toContain(': key expired');
    },
  );

  test('an error message quotes the status text of the server on one line', () => {
    expect(messageOf(500, { statusText: 'So\tSorry' })).toBe(`HTTP 500 So Sorry from ${ENDPOINT}`);
  });

  test('an error message does not repeat the status text from the page of a proxy', () => {
    const body = Buffer.from('<html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1><hr>nginx');
    expect(messageOf(502, { body, contentType: 'text/html' })).toBe(`HTTP 502 Bad Gateway from ${ENDPOINT}`);
  });

  test.each<[string, Partial<OtlpResponse>]>([
    ['status', { statusText: 'no hunter2 here' }],
    ['text', { body: Buffer.from('key hunter2'), contentType: 'text/plain' }],
    ['status message', { body: encodeStatus('protobuf', 16, 'hunter2') }],
    ['content type', { body: Buffer.from('x'), contentType: 'text/hunter2' }],
    ['gRPC message', { grpcStatus: '7', grpcMessage: 'no%20hunter2' }],
  ])('an error message conceals secrets of the request that the server repeats in the %s', (_, fields) => {
    const conceal = (text: string) => text.replaceAll('hunter2', '…');
    for (const status of [200, 401, 503]) {
      const outcome = outcomeOf(answer(status, { ...fields, conceal }), now);
      expect(JSON.stringify(outcome)).not.toContain('hunter2');
      if ('error' in outcome) expect(String(outcome.error)).not.toContain('hunter2');
    }
  });

  test('an error message needs neither a status text nor an endpoint', () => {
    const { endpoint: _endpoint, statusText: _text, ...response } = answer(599);
    expect(outcomeOf(response, now)).toMatchObject({ error: { message: 'HTTP 599' } });
  });
});

test('a request without an answer is judged as retryable', () => {
  const error = new Error('no answer');
  expect(outcomeOfFailure(error)).toEqual({ kind: 'retryable', error });
});
