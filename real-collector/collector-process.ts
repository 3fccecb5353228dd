/** One Collector: a process that is killed and started again on the same ports, and passes on what it takes before it answers. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { epochMillis } from '../soak/witness.ts';
import { ownPort } from '../src/testing/own-port.ts';

export interface CollectorLimits {
  /** Of the HTTP receiver. */
  readonly maxRequestBodyBytes?: number;
  readonly memoryLimiter?: {
    readonly check_interval: string;
    readonly limit_mib: number;
    readonly spike_limit_mib: number;
  };
}

const MAX_START_MILLIS = 30_000;
const MAX_PRINTED = 4_000;

export class CollectorProcess {
  /** What it has printed of itself, of all its lives. */
  printed = '';
  readonly #binary: string;
  #config: string;
  #environment: Readonly<Record<string, string>> = {};
  #ports: readonly number[] = [];
  #child: ChildProcess | undefined;

  constructor(binary: string, directory: string) {
    this.#binary = binary;
    this.#config = join(directory, 'collector.yaml');
  }

  /** @param witnessUrl where it passes on what it takes: nothing is in the hands of the one that is killed. */
  async configure(witnessUrl: string, { maxRequestBodyBytes, memoryLimiter }: CollectorLimits) {
    const http = `127.0.0.1:${await this.#port()}`;
    const grpc = `127.0.0.1:${await this.#port()}`;
    const config = {
      receivers: {
        otlp: {
          protocols: {
            http: {
              endpoint: http,
              ...(maxRequestBodyBytes && { max_request_body_size: maxRequestBodyBytes }),
            },
            grpc: { endpoint: grpc },
          },
        },
      },
      processors: memoryLimiter ? { memory_limiter: memoryLimiter } : {},
      exporters: {
        // Neither a queue nor a retry of its own: what it has answered for, the witness has.
        otlp_http: {
          logs_endpoint: witnessUrl,
          compression: 'none',
          sending_queue: { enabled: false },
          retry_on_failure: { enabled: false },
        },
      },
      service: {
        telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
        pipelines: {
          logs: {
            receivers: ['otlp'],
            processors: memoryLimiter ? ['memory_limiter'] : [],
            exporters: ['otlp_http'],
          },
        },
      },
    };
    // JSON is YAML.
    await writeFile(this.#config, JSON.stringify(config, undefined, 2));
    return { httpUrl: `http://${http}`, grpcUrl: `http://${grpc}` };
  }

  /** A configuration that is there already, and reads what it needs from the environment. @param names of its ports. */
  async use<Name extends string>(
    config: string,
    names: readonly Name[],
    environment: (address: Readonly<Record<Name, string>>) => Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<Name, string>>> {
    const entries: [Name, string][] = [];
    for (const name of names) entries.push([name, `127.0.0.1:${await this.#port()}`]);
    const addresses = Object.fromEntries(entries) as Record<Name, string>;
    this.#config = config;
    this.#environment = environment(addresses);
    return addresses;
  }

  /** Resolves when all ports answer, with the time. */
  async start(): Promise<number> {
    const child = spawn(this.#binary, ['--config', this.#config], {
      env: { ...process.env, ...this.#environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    // Nobody else would end it.
    process.once('exit', () => child.kill('SIGKILL'));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (this.printed.length < MAX_PRINTED) this.printed += text;
    });
    const deadline = performance.now() + MAX_START_MILLIS;
    for (const port of this.#ports) {
      while (!(await isOpen(port))) {
        if (child.exitCode !== null || performance.now() > deadline) {
          throw new Error(`the Collector does not start\n${this.printed}`);
        }
        await sleep(10);
      }
    }
    return epochMillis();
  }

  /** Resolves when the process is gone. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'close');
    child.kill(signal);
    await gone;
  }

  async #port(): Promise<number> {
    const port = await ownPort();
    this.#ports = [...this.#ports, port];
    return port;
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
