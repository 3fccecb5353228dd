/** Invocations of a handler behind OpenTelemetry's instrumentation of Lambda, which flushes before it lets an answer out. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestCollector } from '../src/testing/index.ts';

/** The process is stopped after each answer, and discarded after the last without having been continued. */
export async function invokeLambda(
  collector: TestCollector,
  invocations: number,
): Promise<{ text: string; problem: string | false }> {
  const path = new URL('lambda-runtime.cjs', import.meta.url).pathname;
  const child = fork(path, [collector.logsUrl], { execArgv: [] });
  await once(child, 'message');
  for (let number = 0; number < invocations; number++) {
    child.kill('SIGCONT');
    child.send({ number });
    await once(child, 'message');
    await sleep(1);
    child.kill('SIGSTOP');
    await sleep(5);
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
  const { records } = collector.account();
  return {
    text: `${records} of ${invocations}`,
    problem: records !== invocations && 'not all arrived, or some twice',
  };
}
