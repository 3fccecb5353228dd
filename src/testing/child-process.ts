/** Runs the collector in a child process of its own, which can be killed and brought back on the same port. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type Counts, noCounts, sumOf } from './account.ts';
import type { CollectorHost } from './collector-host.ts';
import { ownPort } from './own-port.ts';
import type { Report } from './received.ts';
import type { LogsServerOptions } from './server.ts';
import type { Command, Message } from './testing-child.ts';

interface Incarnation {
  readonly child: ChildProcess;
  counts: Counts;
  readonly gone: Promise<unknown>;
}

type CommandBody = Command extends infer C ? (C extends Command ? Omit<C, 'number'> : never) : never;

/** Beside this file, in the sources as in the package, whose CommonJS build runs the child as an ES module as well. */
const CHILD = new URL(`./testing-child${import.meta.url.endsWith('.ts') ? '.ts' : '.mjs'}`, import.meta.url);

/** Counts cover every incarnation of the child. */
export async function hostInChild(
  options: LogsServerOptions,
  onReport: (report: Report) => void,
): Promise<CollectorHost> {
  const incarnations: Incarnation[] = [];
  const waiting = new Map<number, { resolve: (port: number) => void; reject: (error: Error) => void }>();
  let lastNumber = 0;
  let current: Incarnation;

  function command(body: CommandBody): Promise<number> {
    return new Promise((resolve, reject) => {
      const number = ++lastNumber;
      waiting.set(number, { resolve, reject });
      current.child.send({ number, ...body } as Command, (error) => {
        if (!error) return;
        waiting.delete(number);
        reject(error);
      });
    });
  }

  function start(port: number): Promise<number> {
    // The host's own flags (a test runner's loaders, an inspector's port, a preload that sets up telemetry) are not the
    // child's. One that may be killed must measure no coverage: half a report cannot be read.
    const child = fork(CHILD, {
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: undefined, NODE_V8_COVERAGE: undefined },
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    // `exit` alone may come before the last messages have been read.
    const gone = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
    const incarnation: Incarnation = { child, counts: noCounts(), gone };
    incarnations.push(incarnation);
    current = incarnation;
    child.on('message', (message: Message) => {
      if (message.type === 'report') {
        incarnation.counts = message.report.counts;
        onReport(message.report);
        return;
      }
      const waiter = waiting.get(message.number);
      waiting.delete(message.number);
      if (message.error === undefined) waiter?.resolve(message.port);
      else waiter?.reject(new Error(message.error));
    });
    child.on('disconnect', () => {
      incarnation.counts.concurrentRequests = 0;
      for (const waiter of waiting.values()) waiter.reject(new Error('the collector is gone'));
      waiting.clear();
    });
    return command({ verb: 'start', options: { ...options, port } });
  }

  // Chosen here: it stays ours while the child is gone.
  const port = await start(options.port ?? (await ownPort()));
  return {
    port,
    counts: () => sumOf(incarnations.map(({ counts }) => counts)),
    become: async (condition) => void (await command({ verb: 'become', condition })),
    script: async (replies) => void (await command({ verb: 'script', replies })),
    kill: async () => {
      current.child.kill('SIGKILL');
      await current.gone;
    },
    restart: async () => void (await start(port)),
    // Without its parent the child ends by itself.
    stop: async () => {
      if (current.child.connected) current.child.disconnect();
      await current.gone;
    },
  };
}
