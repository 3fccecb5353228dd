/** A real nginx, as a process with a site of its own in a directory of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownPort } from '../src/testing/own-port.ts';

const MAX_START_MILLIS = 20_000;
const MAX_PRINTED = 4_000;
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** What stands in its `http` block, for an address to listen at. */
export type Site = (address: string) => string;

export class Nginx {
  readonly address: string;
  readonly #directory: string;
  readonly #child: ChildProcess;
  #printed = '';

  private constructor(binary: string, directory: string, address: string) {
    this.address = address;
    this.#directory = directory;
    this.#child = spawn(binary, ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', 'stderr'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    // Nobody else would end it, and its workers with it.
    process.once('exit', () => this.#child.kill('SIGTERM'));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#printed = (this.#printed + text).slice(-MAX_PRINTED);
    });
  }

  static async start(binary: string, directory: string, site: Site): Promise<Nginx> {
    const port = await ownPort();
    const address = `127.0.0.1:${port}`;
    await writeFile(join(directory, 'site.conf'), site(address));
    // Started by root it would take another user, who may not write what does not fit into its buffers.
    const user = process.getuid?.() === 0 ? 'user root;' : '';
    await writeFile(
      join(directory, 'nginx.conf'),
      `daemon off;
${user}
pid ${directory}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
${TEMPORARY.map((name) => `  ${name}_temp_path ${directory}/${name};`).join('\n')}
  include ${directory}/site.conf;
}
`,
    );
    const nginx = new Nginx(binary, directory, address);
    const deadline = performance.now() + MAX_START_MILLIS;
    while (!(await isOpen(port))) {
      if (nginx.#child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`nginx does not start\n${nginx.#printed}`);
      }
      await sleep(20);
    }
    return nginx;
  }

  /** Requests under way are still answered as before. */
  async change(site: Site): Promise<void> {
    await writeFile(join(this.#directory, 'site.conf'), site(this.address));
    this.#child.kill('SIGHUP');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await gone;
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
