/** Runs the command line in a process of its own. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { Command } from '../../src/cli/console/command.ts';
import { LineWriter } from '../../src/cli/console/output.ts';
import { childEnv, measuredEnv } from './child-coverage.ts';
import { scriptPath } from './scripts.ts';

/** No command takes as long as this; one that does is killed, and its test fails. */
const MAX_MILLIS = 15_000;

export interface CliEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One that may be killed. */
export class CliRun {
  readonly end: Promise<CliEnd>;
  readonly #child;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], env = childEnv()) {
    this.#child = spawn(process.execPath, [scriptPath('cli'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
      timeout: MAX_MILLIS,
      killSignal: 'SIGKILL',
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.end = this.#ended();
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  get stderr(): string {
    return this.#stderr;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Reads no more of what it prints, as `head` does when it has enough. */
  async stopReading(): Promise<void> {
    await once(this.#child.stdout, 'data');
    this.#child.stdout.destroy();
  }

  async #ended(): Promise<CliEnd> {
    const [code, signal] = (await once(this.#child, 'close')) as [number | null, NodeJS.Signals | null];
    return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
  }
}

/** `otel-spillway <args>`, to its end. */
export function cli(...args: string[]): Promise<CliEnd> {
  return new CliRun(args, measuredEnv()).end;
}

/** `otel-spillway spool <args>`, to its end. */
export function spool(...args: string[]): Promise<CliEnd> {
  return cli('spool', ...args);
}

/** A command in this process; what it says on standard error is not caught. */
export async function runHere(command: Command, ...args: string[]): Promise<Pick<CliEnd, 'code' | 'stdout'>> {
  let stdout = '';
  const stream = new Writable({
    decodeStrings: false,
    write(text, _encoding, done) {
      stdout += text;
      done();
    },
  });
  const output = new LineWriter(stream, 'a test');
  const code = await command.run(args, output);
  await output.flush();
  return { code, stdout };
}

/** What it printed, each line parsed. */
export function jsonLinesOf<T>({ stdout }: Pick<CliEnd, 'stdout'>): T[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
