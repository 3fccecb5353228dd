/** Starts the service in a child process and talks to it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { FromService, LawReport, Mark, PerPipeline, PipelineSample, ToService } from './messages.ts';

export interface Sample {
  offered: number;
  pipelines: PerPipeline<PipelineSample>;
}

export interface Service {
  port: number;
  /** The last report; `undefined` before the first. */
  latest(): Sample | undefined;
  onNews(listener: (text: string) => void): void;
  /** Where the service stands now; peaks start afresh. */
  mark(): Promise<Mark>;
  /** Shuts the pipelines down and ends the process. */
  finish(): Promise<{ offered: number; laws: Partial<PerPipeline<LawReport>> }>;
}

type Reply<Type extends FromService['type']> = Extract<FromService, { type: Type }>;

export async function startService(logsUrls: PerPipeline<string>): Promise<Service> {
  const child = fork(new URL('./service.ts', import.meta.url), {
    execArgv: ['--import', new URL('./telemetry.ts', import.meta.url).href],
    env: { ...process.env, DEMO_LOGS_URLS: JSON.stringify(logsUrls) },
    // pino writes its lines to standard output; here only the pipelines matter.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<FromService['type'], (message: never) => void>();
  const listeners: ((text: string) => void)[] = [];
  let latest: Sample | undefined;
  const ended = once(child, 'exit').then(() => {
    throw new Error('the service ended too soon');
  });
  ended.catch(() => {});
  child.on('message', (message: FromService) => {
    if (message.type === 'sample') latest = message;
    else if (message.type === 'news') for (const listener of listeners) listener(message.text);
    else waiting.get(message.type)?.(message as never);
  });

  function next<Type extends FromService['type']>(type: Type): Promise<Reply<Type>> {
    const reply = new Promise<Reply<Type>>((resolve) => waiting.set(type, resolve));
    return Promise.race([reply, ended]);
  }

  function ask<Type extends FromService['type']>(message: ToService, answer: Type): Promise<Reply<Type>> {
    const reply = next(answer);
    child.send(message);
    return reply;
  }

  const { port } = await next('listening');
  return {
    port,
    latest: () => latest,
    onNews: (listener) => void listeners.push(listener),
    mark: () => ask({ type: 'mark' }, 'marked'),
    finish: () => ask({ type: 'finish' }, 'finished'),
  };
}
