/** Runs one contender of a benchmark in a process of its own and answers what it asks meanwhile. */

import { fork } from 'node:child_process';

/** What a contender may ask the process that started it: to act on the collector, or to say what arrived there. */
export type Answers = Readonly<Record<string, (argument: never) => Promise<unknown>>>;

type Question = { readonly number: number; readonly name: string; readonly argument: unknown };
export type Answer = { readonly number: number; readonly value?: unknown; readonly error?: string };
export type FromChild = { readonly question: Question } | { readonly result: Record<string, number> };

export interface Start {
  /** The benchmark's module; its `contend` runs in the child. */
  readonly module: string;
  readonly contender: string;
  readonly input: unknown;
}

const TIMEOUT_MILLIS = 180_000;

export function runContender(
  start: Start,
  answers: Answers,
  execArgv: readonly string[],
): Promise<Record<string, number>> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('./child.ts', import.meta.url), [JSON.stringify(start)], {
      execArgv: [...execArgv],
      // What configures telemetry, Node or a proxy here must not configure the contenders.
      env: Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !/^(OTEL|NODE)_|_proxy$/i.test(name)),
      ),
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MILLIS);
    let result: Record<string, number> | undefined;
    child.on('message', async (message: FromChild) => {
      if ('result' in message) {
        result = message.result;
        return;
      }
      const { number, name, argument } = message.question;
      let answer: Answer;
      try {
        answer = { number, value: await answers[name]?.(argument as never) };
      } catch (error) {
        answer = { number, error: String(error) };
      }
      // The child may have ended without waiting for it.
      if (child.connected) child.send(answer, () => {});
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      if (result !== undefined && code === 0) resolve(result);
      else reject(new Error(`${start.contender} in ${start.module} ended with ${signal ?? `code ${code}`}`));
    });
  });
}
