/** A metered service in a process of its own. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { MeteredPlan, ToMetered } from './prometheus-plan.ts';

export class MeteredProcess {
  readonly #child: ChildProcess;
  #errors = '';

  private constructor(plan: MeteredPlan) {
    // What configures telemetry, Node or a proxy here must not configure the service.
    const env = Object.entries(process.env).filter(([name]) => !/^(OTEL|NODE)_|_proxy$/i.test(name));
    this.#child = fork(new URL('./metered-service.ts', import.meta.url), [JSON.stringify(plan)], {
      execArgv: [],
      env: Object.fromEntries(env),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
  }

  static async start(plan: MeteredPlan): Promise<MeteredProcess> {
    const service = new MeteredProcess(plan);
    const ended = once(service.#child, 'exit').then(() => {
      throw new Error(`${plan.name} does not start\n${service.#errors}`);
    });
    await Promise.race([once(service.#child, 'message'), ended]);
    ended.catch(() => {});
    return service;
  }

  stopEmitting(): void {
    this.#child.send('stop emitting' satisfies ToMetered);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
