/** What is claimed of a processor, and how it is found out. */

import type { Stage } from './stage.ts';

export interface Claim {
  /** A sentence that can be true or not. */
  readonly says: string;
  /** It needs the machine for itself, and is played before those that mostly wait. */
  readonly isBusy?: boolean;
  /** Resolves with what was seen; rejects with a `Broken` where the claim does not hold. */
  play(stage: Stage): Promise<string>;
}

/** The claim does not hold; the message says what was seen. */
export class Broken extends Error {}

/** @returns what was seen. @throws {Broken} with the same, unless the claim holds. */
export function judged(holds: boolean, seen: string): string {
  if (!holds) throw new Broken(seen);
  return seen;
}

export const count = (value: number) => value.toLocaleString('en');
export const seconds = (millis: number) => `${(millis / 1_000).toFixed(1)} s`;
