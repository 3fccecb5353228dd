/** A real log store: VictoriaLogs, built from its Go module, as a process that is ended and started again. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtFromModules, type Program } from '../scripts/programs.ts';
import { ownPort } from '../src/testing/own-port.ts';

const VERSION = '1.52.1';
const MODULE = 'github.com/VictoriaMetrics/VictoriaLogs';
const MAX_START_MILLIS = 60_000;
const MAX_PRINTED = 4_000;

export function victoriaLogsBinary(say: (text: string) => void): Promise<Program> {
  return builtFromModules(
    {
      name: 'victoria-logs',
      version: VERSION,
      key: `${process.platform}-${process.arch}`,
      module: MODULE,
      commands: [
        ['go', 'mod', 'init', 'store'],
        ['go', 'get', `${MODULE}/app/victoria-logs@v${VERSION}`],
        ['go', 'build', '-ldflags', '-s -w', '-o', 'store-bin', `${MODULE}/app/victoria-logs`],
      ],
      output: 'store-bin',
    },
    say,
  );
}

export class VictoriaLogs {
  readonly url: string;
  readonly #args: readonly string[];
  readonly #binary: string;
  #child: ChildProcess | undefined;
  #printed = '';

  private constructor(binary: string, directory: string, port: number) {
    this.#binary = binary;
    this.url = `http://127.0.0.1:${port}`;
    this.#args = [`-storageDataPath=${directory}`, `-httpListenAddr=127.0.0.1:${port}`, '-loggerLevel=WARN'];
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  static async start(binary: string, directory: string): Promise<VictoriaLogs> {
    const store = new VictoriaLogs(binary, directory, await ownPort());
    await store.restart();
    return store;
  }

  get logsUrl(): string {
    return `${this.url}/insert/opentelemetry/v1/logs`;
  }

  async restart(): Promise<void> {
    const child = spawn(this.#binary, this.#args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.#printed.length < MAX_PRINTED) this.#printed += text;
    });
    const deadline = performance.now() + MAX_START_MILLIS;
    const isReady = () =>
      fetch(`${this.url}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await isReady())) {
      if (child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`VictoriaLogs does not start\n${this.#printed}`);
      }
      await sleep(50);
    }
  }

  /** What it has is on its disk then. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, 'close');
    child.kill('SIGTERM');
    await gone;
  }

  async query(query: string): Promise<Record<string, string>[]> {
    const response = await fetch(`${this.url}/select/logsql/query`, {
      method: 'POST',
      body: new URLSearchParams({ query }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${query}: ${text}`);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, string>);
  }
}
