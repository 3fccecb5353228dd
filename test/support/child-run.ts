/** Runs a script of test/children in a process of its own, and tells how that ended. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { childEnv, measuredEnv } from './child-coverage.ts';
import { type Script, scriptPath } from './scripts.ts';
import { until } from './until.ts';

/** No scenario takes as long as this; a child that does is killed, and its test fails. */
const MAX_MILLIS = 15_000;

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Everything the process printed, on either stream. */
  readonly printed: string;
  /** What the script reported, one line each. */
  readonly reports: readonly string[];
  /** From the end of the script's own work to the end of the process, by the child's own clock. */
  readonly lingeredMillis: number;
}

/** One that may be killed. */
export class ChildRun {
  readonly end: Promise<ChildEnd>;
  readonly #child;
  #printed = '';
  #reported = '';

  /** Runs a scenario of the script, with one argument. */
  constructor(script: Script, scenario: string, argument = '', env = childEnv()) {
    this.#child = spawn(process.execPath, [scriptPath(script), scenario, argument], {
      // A pipe of its own for reports leaves stdout and stderr to whoever should not be using them.
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env,
      timeout: MAX_MILLIS,
      killSignal: 'SIGKILL',
    });
    const [, stdout, stderr, reports] = this.#child.stdio as unknown as Readable[];
    const printed = (chunk: Buffer) => {
      this.#printed += chunk;
    };
    stdout?.on('data', printed);
    stderr?.on('data', printed);
    reports?.on('data', (chunk: Buffer) => {
      this.#reported += chunk;
    });
    this.end = this.#ended();
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  /** Resolves when the script has reported `line`. */
  reported(line: string): Promise<void> {
    return until(
      () => this.#lines.includes(line),
      () => `no report of '${line}'; printed: ${this.#printed}`,
    );
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  get #lines(): string[] {
    return this.#reported.split('\n').filter((line) => line !== '');
  }

  async #ended(): Promise<ChildEnd> {
    const [code, signal] = (await once(this.#child, 'close')) as [number | null, NodeJS.Signals | null];
    const timeOf = (name: string) =>
      Number(
        this.#lines
          .findLast((line) => line.startsWith(name))
          ?.split(' ')
          .at(-1),
      );
    return {
      code,
      signal,
      printed: this.#printed,
      reports: this.#lines,
      lingeredMillis: timeOf('exit at') - timeOf('done at'),
    };
  }
}

/** A script that ends by itself, to its end. */
export function runToEnd(script: Script, scenario: string, argument = ''): Promise<ChildEnd> {
  return new ChildRun(script, scenario, argument, measuredEnv()).end;
}
