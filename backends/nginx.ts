/** A real nginx with `ops/nginx/otlp.conf`, its names replaced by addresses of this machine. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../scripts/tools.ts';
import { ownPort } from '../src/testing/own-port.ts';

const SITE = join(root, 'ops/nginx/otlp.conf');
const MAX_START_MILLIS = 20_000;

export class Nginx {
  readonly address: string;
  readonly #child: ChildProcess;
  #printed = '';

  private constructor(binary: string, directory: string, address: string) {
    this.address = address;
    this.#child = spawn(binary, ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', 'stderr'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    // Nobody else would end it, and its workers with it.
    process.once('exit', () => this.#child.kill('SIGTERM'));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#printed = (this.#printed + text).slice(-4_000);
    });
  }

  /** @param gateways addresses, as many as the site names. */
  static async start(binary: string, directory: string, gateways: readonly string[]): Promise<Nginx> {
    const port = await ownPort();
    let site = await readFile(SITE, 'utf8');
    for (const [index, gateway] of gateways.entries()) {
      site = replaced(site, `gateway-${index + 1}:4318`, gateway);
    }
    site = replaced(site, 'listen 4318;', `listen 127.0.0.1:${port};`);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    await writeFile(join(directory, 'site.conf'), site);
    await writeFile(
      join(directory, 'nginx.conf'),
      `daemon off;
pid ${directory}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
${temporary.map((name) => `  ${name}_temp_path ${directory}/${name};`).join('\n')}
  include ${directory}/site.conf;
}
`,
    );
    const nginx = new Nginx(binary, directory, `127.0.0.1:${port}`);
    const deadline = performance.now() + MAX_START_MILLIS;
    while (!(await isOpen(port))) {
      if (nginx.#child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`nginx does not start\n${nginx.#printed}`);
      }
      await sleep(50);
    }
    return nginx;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await gone;
  }
}

function replaced(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`${SITE} has no '${from}'`);
  return text.replace(from, to);
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
