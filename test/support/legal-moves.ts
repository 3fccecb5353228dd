/** Makes every move of a batch that is not drawn in its class comment an error, in all tests of a process that imports this. */

import { QueuedBatch } from '../../src/queue/queued-batch.ts';

const MOVES = ['seal', 'take', 'requeue', 'waitForDisk', 'end', 'writeBegan', 'writeEnded'] as const;

type Move = (this: QueuedBatch<never>, ...args: unknown[]) => boolean;

const prototype = QueuedBatch.prototype as unknown as Record<(typeof MOVES)[number], Move>;

let isChecked = true;

/** For tests that try illegal moves: until this is called with true again. */
export function checkMoves(areChecked: boolean): void {
  isChecked = areChecked;
}

for (const name of MOVES) {
  const move = prototype[name];
  prototype[name] = function (...args) {
    const { place, onDisk } = this;
    const isLegal = move.apply(this, args);
    if (!isLegal && isChecked) throw new Error(`${name}() of a batch that is ${place}, on disk: ${onDisk}`);
    return isLegal;
  };
}
