/** The service under test in a process of its own, and what it has told so far. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { FromService, ServicePlan, ToService } from './service-plan.ts';

const MAX_ENDING_MILLIS = 150_000;

export type Ended = Extract<FromService, { type: 'ended' }>;

export class ServiceProcess {
  /** Epoch milliseconds at which an export had failed. */
  readonly failures: number[] = [];
  readonly said: { readonly atMillis: number; readonly text: string }[] = [];
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;
  #ended: Ended | undefined;
  #errors = '';

  private constructor(plan: ServicePlan) {
    // What configures telemetry, Node or a proxy here must not configure the service.
    const env = Object.entries(process.env).filter(([name]) => !/^(OTEL|NODE)_|_proxy$/i.test(name));
    this.#child = fork(new URL('./service.ts', import.meta.url), [JSON.stringify(plan)], {
      execArgv: [],
      env: { ...Object.fromEntries(env), ...plan.environment },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    // `exit` alone may come before the last messages have been read.
    this.#gone = Promise.all([once(this.#child, 'exit'), once(this.#child, 'disconnect')]);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.#child.on('message', (message: FromService) => {
      if (message.type === 'failed') this.failures.push(message.atMillis);
      else if (message.type === 'said') this.said.push(message);
      else if (message.type === 'ended') this.#ended = message;
    });
  }

  static async start(plan: ServicePlan): Promise<ServiceProcess> {
    const service = new ServiceProcess(plan);
    await Promise.race([once(service.#child, 'message'), service.#gone]);
    return service;
  }

  /** Resolves when it has delivered what it has, and ended. */
  finish(): Promise<Ended> {
    return this.#end(() => this.#child.send('finish' satisfies ToService));
  }

  /** Resolves when it has ended, as it does when it is asked by a signal. */
  terminate(): Promise<Ended> {
    return this.#end(() => this.#child.kill('SIGTERM'));
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #end(ask: () => void): Promise<Ended> {
    const limit = setTimeout(() => this.kill(), MAX_ENDING_MILLIS);
    if (this.#child.connected) ask();
    await this.#gone;
    clearTimeout(limit);
    if (this.#ended === undefined) throw new Error(`the service did not end as it should\n${this.#errors}`);
    return this.#ended;
  }
}
