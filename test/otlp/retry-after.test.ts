/** Reading Retry-After: what is believed, and what is not. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { retryAfterMillis } from '../../src/otlp/response.ts';
import { runs } from '../support/property-runs.ts';

const DAY_MILLIS = 86_400_000;
/** Sun, 06 Nov 1994 08:49:37 GMT, the example of the HTTP specification. */
const THEN = 784_111_777_000;

test.each<[string | undefined, number | undefined]>([
  ['0', 0],
  ['1', 1_000],
  [' 120 ', 120_000],
  ['007', 7_000],
  ['86400', DAY_MILLIS],
  ['86401', DAY_MILLIS],
  ['9'.repeat(400), DAY_MILLIS],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 10_000],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 10_000],
  ['Sun Nov  6 08:49:37 1994', 10_000],
  ['Sun, 06 Nov 1994 08:49:27 GMT', 0],
  ['Sat, 05 Nov 1994 08:49:37 GMT', 0],
  ['Fri, 01 Jan 2100 00:00:00 GMT', DAY_MILLIS],
  [undefined, undefined],
  ['', undefined],
  ['-5', undefined],
  ['+5', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  ['0x10', undefined],
  ['5 seconds', undefined],
  ['later', undefined],
  ['later 5', undefined],
  ['1994', 1_994_000],
  ['1994-11-06T08:49:37Z', undefined],
  ['Sun, 06 Nov 1994 08:49:37', undefined],
  ['Sun, 06 Nov 1994 08:49:37 PST', undefined],
  ['Sun, 99 Nov 1994 08:49:37 GMT', undefined],
  ['Sun, 06 Foo 1994 08:49:37 GMT', undefined],
])('the wait in ms for Retry-After %j is %s', (value, expected) => {
  expect(retryAfterMillis(value, THEN - 10_000)).toBe(expected);
});

test('any number of seconds and any future date is a wait of at most a day', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000_000 }), (seconds) => {
      const expected = Math.min(seconds * 1_000, DAY_MILLIS);
      expect(retryAfterMillis(String(seconds), THEN)).toBe(expected);
      expect(retryAfterMillis(new Date(THEN + seconds * 1_000).toUTCString(), THEN)).toBe(expected);
    }),
  );
});

test('no other Retry-After gives an error, a negative wait, or one of more than a day', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.date({ noInvalidDate: true }).map(String)), (value) => {
      const millis = retryAfterMillis(value, THEN);
      if (millis === undefined) return;
      expect(millis).toBeGreaterThanOrEqual(0);
      expect(millis).toBeLessThanOrEqual(DAY_MILLIS);
    }),
    runs(100),
  );
});
