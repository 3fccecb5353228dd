/** Runs an example as a user would: a process of its own, with the embedded collector as its OTLP endpoint. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestCollector } from '../../../src/testing/index.ts';
import { ownPort } from '../../../src/testing/own-port.ts';

const limitMillis = 40_000;

export interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Running {
  /** Asks the service at its `PORT`, as soon as it listens there. */
  get(path: string): Promise<Response>;
  /** The first match of `pattern` in what has been printed, now or later. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when the process has ended. */
  end(): Promise<End>;
  /** SIGTERM, as a process manager would; resolves when the process has ended. */
  terminate(): Promise<End>;
}

/** Judges an example; whatever it throws is what is wrong. */
export type Check = (
  /** `npm start`, or another command line of `node`. */
  start: (env?: Record<string, string>, other?: string[]) => Promise<Running>,
  collector: TestCollector,
) => Promise<void>;

/** A process that a signal it handled has ended still tells its parent so. */
export const bySigterm: End = { code: null, signal: 'SIGTERM' };

/** @returns what was printed and what went wrong, or undefined. */
export async function play(directory: string, args: string[], check: Check): Promise<string | undefined> {
  const collector = await TestCollector.start({ identity: 'body' });
  const port = await ownPort();
  const signal = AbortSignal.timeout(limitMillis);
  let output = '';
  let stopAll = (): void => {};

  async function start(env: Record<string, string> = {}, other = args): Promise<Running> {
    const child = spawn(process.execPath, other, {
      cwd: directory,
      env: {
        ...environmentWithoutOtel(),
        PORT: String(port),
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    stopAll = () => child.kill('SIGKILL');
    const ended = once(child, 'close').then(([code, killedBy]): End => ({ code, signal: killedBy }));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const tooSoon = ended.then(({ code, signal: killedBy }): never => {
      throw new Error(`it ended with ${code ?? killedBy} too soon`);
    });
    tooSoon.catch(() => {});
    const end = (): Promise<End> => Promise.race([ended, aborted(signal)]);
    return {
      get: (path) => Promise.race([get(`http://127.0.0.1:${port}${path}`, signal), tooSoon]),
      printed: async (pattern) => {
        for (;;) {
          const match = pattern.exec(output);
          if (match !== null) return match;
          await Promise.race([once(child.stdout, 'data', { signal }), tooSoon]);
        }
      },
      end,
      terminate: () => {
        child.kill('SIGTERM');
        return end();
      },
    };
  }

  try {
    await check(start, collector);
    return undefined;
  } catch (error) {
    return `node ${args.join(' ')} printed:\n${output}\n${error instanceof Error ? error.stack : error}`;
  } finally {
    stopAll();
    await collector.stop();
  }
}

/** A service that has just been started does not listen yet. */
async function get(url: string, signal: AbortSignal): Promise<Response> {
  for (;;) {
    try {
      return await fetch(url, { signal, headers: { connection: 'close' } });
    } catch (error) {
      const { cause } = error as { cause?: { code?: string } };
      if (cause?.code !== 'ECONNREFUSED') throw error;
      await sleep(50, undefined, { signal });
    }
  }
}

/** What the host has set for its own telemetry is not meant for the examples. */
function environmentWithoutOtel(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...others } = process.env;
  return Object.fromEntries(Object.entries(others).filter(([name]) => !name.startsWith('OTEL_')));
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}
