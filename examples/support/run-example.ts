/** Runs an example as a user would: a process of its own, with the embedded collector as its OTLP endpoint. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { TestCollector } from '../../src/testing/index.ts';

const root = join(import.meta.dirname, '../..');
const limitMillis = 20_000;

export interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Example {
  /** The first match of `pattern` in what the example has printed, now or later. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when the process has ended. */
  end(): Promise<End>;
  /** SIGTERM, as a process manager would; resolves when the process has ended. */
  terminate(): Promise<End>;
}

/**
 * Starts `node ...args` in the root of the repository and lets `check` judge it. Services are told by `PORT` to
 * choose a free port. A check that fails, or takes too long, ends this process with an error.
 */
export async function runExample(
  args: string[],
  check: (example: Example, collector: TestCollector) => Promise<void>,
): Promise<void> {
  const collector = await TestCollector.start({ identity: 'body' });
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...environmentWithoutOtel(), PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const signal = AbortSignal.timeout(limitMillis);
  const ended = once(child, 'close').then(([code, killedBy]): End => ({ code, signal: killedBy }));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const example: Example = {
    printed: async (pattern) => {
      for (;;) {
        const match = pattern.exec(output);
        if (match !== null) return match;
        await Promise.race([once(child.stdout, 'data', { signal }), endedTooSoon(ended, pattern)]);
      }
    },
    end: () => Promise.race([ended, aborted(signal)]),
    terminate: () => {
      child.kill('SIGTERM');
      return example.end();
    },
  };
  try {
    await check(example, collector);
  } catch (error) {
    console.error(`node ${args.join(' ')} printed:\n${output}`);
    throw error;
  } finally {
    child.kill('SIGKILL');
    await collector.stop();
  }
}

/** What the host has set for its own telemetry is not meant for the examples. */
function environmentWithoutOtel(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_')));
}

async function endedTooSoon(ended: Promise<End>, pattern: RegExp): Promise<never> {
  const { code, signal } = await ended;
  throw new Error(`ended with ${code ?? signal} before it printed ${pattern}`);
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}
