/** Makes every move of a batch that is not drawn in its class comment an error. Imported for its effect. */

import { QueuedBatch } from '../../src/queue/queued-batch.ts';

const MOVES = ['seal', 'take', 'requeue', 'waitForDisk', 'end', 'writeBegan', 'writeEnded'] as const;

type Move = (this: QueuedBatch<never>, ...args: unknown[]) => boolean;

const prototype = QueuedBatch.prototype as unknown as Record<(typeof MOVES)[number], Move>;

for (const name of MOVES) {
  const move = prototype[name];
  prototype[name] = function (...args) {
    const { place, onDisk } = this;
    if (!move.apply(this, args)) throw new Error(`${name}() of a batch that is ${place}, on disk: ${onDisk}`);
    return true;
  };
}
