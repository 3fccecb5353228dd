/** Runs the service in a child process, which can be killed and started again on the same port. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Books, type LastWords } from './books.ts';
import type { FromService, PerPipeline, ToService } from './messages.ts';

export interface Service {
  port: number;
  /** What is known of it, over all its lives. */
  books: Books;
  onNews(listener: (text: string) => void): void;
  /** Resolves when what is known is as new as the question. */
  mark(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves when the process has shut down and is gone. */
  terminate(): Promise<void>;
  /** Resolves when the process has ended by itself. */
  end(): Promise<void>;
  /** Starts it again; records are numbered on from where they were. */
  restart(): Promise<void>;
  /** Shuts the pipelines down and ends the process. */
  finish(): Promise<void>;
}

interface Life {
  child: ChildProcess;
  gone: Promise<unknown>;
  errors: string;
}

export async function startService(logsUrls: PerPipeline<string>): Promise<Service> {
  const directory = mkdtempSync(join(tmpdir(), 'otel-spillway-demo-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  const lastWordsPath = join(directory, 'last-words.json');
  const books = new Books();
  const waiting = new Map<FromService['type'], { resolve: () => void; reject: (error: Error) => void }>();
  const listeners: ((text: string) => void)[] = [];
  let port = 0;
  let life = start();

  function start(): Life {
    rmSync(lastWordsPath, { force: true });
    const child = fork(new URL('./service.ts', import.meta.url), {
      execArgv: ['--import', new URL('./telemetry.ts', import.meta.url).href],
      env: {
        ...process.env,
        DEMO_LOGS_URLS: JSON.stringify(logsUrls),
        DEMO_SPOOL_DIRECTORY: join(directory, 'spool'),
        DEMO_LAST_WORDS: lastWordsPath,
        DEMO_FIRST_SEQ: String(books.offered),
        DEMO_PORT: String(port),
      },
      // pino writes its lines to standard output; here only the pipelines matter.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    // `exit` alone may come before the last messages have been read.
    const gone = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
    const started: Life = { child, gone, errors: '' };
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      started.errors += text;
    });
    child.on('message', (message: FromService) => {
      if (message.type === 'sample') books.add(message);
      else if (message.type === 'news') for (const listener of listeners) listener(message.text);
      else {
        if (message.type === 'listening') port = message.port;
        waiting.get(message.type)?.resolve();
      }
    });
    void gone.then(() => {
      for (const { reject } of waiting.values())
        reject(new Error(`the service ended too soon\n${started.errors}`));
    });
    return started;
  }

  function next(type: FromService['type']): Promise<void> {
    return new Promise<void>((resolve, reject) => waiting.set(type, { resolve, reject })).finally(() =>
      waiting.delete(type),
    );
  }

  function ask(message: ToService, answer: FromService['type']): Promise<void> {
    const reply = next(answer);
    life.child.send(message);
    return reply;
  }

  async function end(): Promise<void> {
    await life.gone;
    const lastWords = existsSync(lastWordsPath)
      ? (JSON.parse(readFileSync(lastWordsPath, 'utf8')) as LastWords)
      : undefined;
    books.lifeEnded(lastWords);
  }

  await next('listening');
  return {
    port,
    books,
    onNews: (listener) => void listeners.push(listener),
    mark: () => ask({ type: 'mark' }, 'marked'),
    kill: () => {
      life.child.kill('SIGKILL');
      return end();
    },
    terminate: () => {
      life.child.kill('SIGTERM');
      return end();
    },
    end,
    restart: () => {
      life = start();
      return next('listening');
    },
    finish: () => ask({ type: 'finish' }, 'finished'),
  };
}
