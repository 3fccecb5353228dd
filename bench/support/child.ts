/** The contender's process: runs `contend` of one benchmark's module and sends back what it found. */

import type { Answer, FromChild, Start } from './child-process.ts';

/** Asks the parent process; resolves with its answer. */
export type Ask = <T = void>(name: string, argument?: unknown) => Promise<T>;

/** Runs in the contender's own process. */
export type Contend<Input> = (contender: string, input: Input, ask: Ask) => Promise<Record<string, number>>;

const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
let lastNumber = 0;

const tell = (message: FromChild) =>
  new Promise<void>((resolve, reject) => {
    process.send?.(message, (error: Error | null) => (error ? reject(error) : resolve()));
  });

const ask: Ask = (name, argument) =>
  new Promise((resolve, reject) => {
    const number = ++lastNumber;
    waiting.set(number, { resolve, reject });
    tell({ question: { number, name, argument } }).catch(reject);
  });

process.on('message', ({ number, value, error }: Answer) => {
  const waiter = waiting.get(number);
  waiting.delete(number);
  if (error === undefined) waiter?.resolve(value as never);
  else waiter?.reject(new Error(error));
});
process.on('disconnect', () => process.exit(1));

const { module, contender, input } = JSON.parse(process.argv[2] as string) as Start;
const { contend } = (await import(module)) as { contend: Contend<unknown> };
await tell({ result: await contend(contender, input, ask) });
// Connections kept alive, or an export that waits for a collector that is gone, must not hold the process.
process.exit(0);
