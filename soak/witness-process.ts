/** Runs the witness in a child process, which can be killed and brought back on the same ports. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Condition } from '../src/testing/index.ts';
import { ownPort } from '../src/testing/own-port.ts';
import type { Arrival, Ports, Testimony } from './witness.ts';
import type { Command, Message } from './witness-child.ts';

/** What is kept covers every incarnation of the child. */
export class WitnessProcess {
  /** How each body arrived, in order. */
  readonly arrivals = new Map<string, Arrival[]>();
  /** Records that are not as they were emitted. */
  readonly altered: string[] = [];
  #child: ChildProcess | undefined;
  #gone: Promise<unknown> | undefined;
  #ports: Ports;
  #done: (() => void) | undefined;

  private constructor(ports: Ports) {
    this.#ports = ports;
  }

  static async start(senders: readonly string[]): Promise<WitnessProcess> {
    // Chosen here: they stay ours while the child is gone.
    const ports: Record<string, number> = {};
    for (const sender of senders) ports[sender] = await ownPort();
    const witness = new WitnessProcess(ports);
    await witness.restart();
    return witness;
  }

  urlOf(sender: string): string {
    return `http://127.0.0.1:${this.#ports[sender]}/v1/logs`;
  }

  /** SIGKILL; resolves when the child is gone and everything it had told is known. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#gone;
  }

  async restart(): Promise<void> {
    const child = fork(new URL('./witness-child.ts', import.meta.url), {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    // `exit` alone may come before the last messages have been read.
    this.#gone = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
    child.on('message', (message: Message) => {
      if (message.type === 'testimony') return this.#heard(message.testimony);
      this.#ports = message.ports;
      this.#done?.();
    });
    await this.#command({ verb: 'start', ports: this.#ports });
  }

  async become(condition: Condition): Promise<void> {
    await this.#command({ verb: 'become', condition });
  }

  /** Without its parent the child ends by itself. */
  async close(): Promise<void> {
    if (this.#child?.connected) this.#child.disconnect();
    await this.#gone;
  }

  #heard({ bodies, altered, sender, atMillis }: Testimony): void {
    const arrival: Arrival = { sender, atMillis };
    for (const body of bodies) {
      const before = this.arrivals.get(body);
      if (before === undefined) this.arrivals.set(body, [arrival]);
      else before.push(arrival);
    }
    this.altered.push(...altered);
  }

  async #command(command: Command): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#done = resolve;
    this.#child?.send(command);
    const isGone = this.#gone?.then(() => {
      throw new Error('the collector is gone');
    });
    await Promise.race([promise, isGone]);
  }
}
