/** How plans choose: by weights, of some values, of times of every length. */

import fc from 'fast-check';

/** Some of these, more often the first ones: what is likely, and simple, comes first and is what shrinking leads to. */
export function often<T>(
  ...choices: readonly (readonly [weight: number, value: fc.Arbitrary<T>])[]
): fc.Arbitrary<T> {
  return fc.oneof(
    { withCrossShrink: true },
    ...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })),
  );
}

export const is = <const T extends readonly [unknown, ...unknown[]]>(...values: T): fc.Arbitrary<T[number]> =>
  fc.constantFrom(...values);

/** From `min` to `max` seconds in milliseconds, small ones as likely as large ones; of few digits, for the story. */
export function millis(minSeconds: number, maxSeconds: number): fc.Arbitrary<number> {
  const steps = 40;
  return fc
    .integer({ min: 0, max: steps })
    .map((step) => Number((1_000 * minSeconds * (maxSeconds / minSeconds) ** (step / steps)).toPrecision(2)));
}

export const rarely = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  often<T[]>([8, fc.constant<T[]>([])], [1, fc.array(arbitrary, { minLength: 1, maxLength: 2 })]);
