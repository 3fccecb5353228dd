/** One life of the service: a child process that is started, logs, and ends in one way or another. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { FromService, ToService } from '../service/messages.ts';
import type { SideName, SpoolMode } from '../view.ts';

export interface LifeOptions {
  side: SideName;
  url: string;
  spool: SpoolMode;
  directory: string;
}

export class ServiceProcess {
  readonly up: Promise<void>;
  /** Resolves when the process is gone and all that it said has been read. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  #errors = '';
  #outstanding = 0;
  #onQuiet = () => {};

  constructor(options: LifeOptions, onMessage: (message: FromService) => void) {
    const child = fork(new URL('../service/service.ts', import.meta.url), {
      execArgv: ['--import', new URL('../service/telemetry.ts', import.meta.url).href],
      env: {
        ...withoutOtel(process.env),
        // Both exporters read it.
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: options.url,
        PLAYGROUND_SIDE: options.side,
        PLAYGROUND_SPOOL: options.spool,
        PLAYGROUND_DIRECTORY: options.directory,
      },
      // pino writes its lines to standard output; here only the processors matter.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4_000);
    });
    // `exit` alone may come before the last messages have been read.
    this.gone = Promise.all([once(child, 'exit'), once(child, 'disconnect')]).then(() => {});
    this.up = new Promise((resolve, reject) => {
      child.on('message', (message: FromService) => {
        if (message.type === 'up') resolve();
        if (message.type === 'logged' && --this.#outstanding === 0) this.#onQuiet();
        onMessage(message);
      });
      void this.gone.then(() => reject(new Error(`the service ended too soon\n${this.#errors}`)));
    });
    // Whoever waits for it hears of it; nobody may.
    this.up.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** What it printed last to standard error. */
  get errors(): string {
    return this.#errors.trim();
  }

  log(firstSeq: number, records: number): void {
    this.#outstanding++;
    const message: ToService = { type: 'log', firstSeq, records };
    this.#child.send(message, () => {});
  }

  /** Resolves when all that it was asked to log is logged. */
  quiet(): Promise<void> {
    if (this.#outstanding === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onQuiet = resolve;
    });
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#child.kill(signal);
  }
}

/** What is set for the playground itself is not meant for its services. */
function withoutOtel(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('OTEL_')));
}
