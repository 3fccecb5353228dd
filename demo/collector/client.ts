/** Runs the collector in a child process of its own, which can be killed and brought back on the same port. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Command, Message } from './child.ts';
import { ownPort } from './own-port.ts';
import { type Collector, type CollectorOptions, type CollectorStats, emptyStats } from './protocol.ts';
import { Received } from './received.ts';

/** Counts, ids and records are kept in this process and cover every incarnation of the child. */
export interface CollectorProcess extends Collector {
  /** SIGKILL; resolves when the child is gone and everything it had reported is counted. */
  kill(): Promise<void>;
  /** Starts a new child on the same port, with the options given to `spawnCollector`. */
  restart(): Promise<void>;
}

interface Incarnation {
  child: ChildProcess;
  stats: CollectorStats;
  gone: Promise<unknown>;
}

type CommandBody = Command extends infer C ? (C extends Command ? Omit<C, 'number'> : never) : never;

export async function spawnCollector(options: CollectorOptions = {}): Promise<CollectorProcess> {
  const incarnations: Incarnation[] = [];
  const waiting = new Map<number, { resolve: (port: number) => void; reject: (error: Error) => void }>();
  let lastNumber = 0;
  let current: Incarnation;
  const stats = (): CollectorStats => sum(incarnations.map((incarnation) => incarnation.stats));
  const received = new Received(stats);

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
    // The host's own flags (a test runner's loaders, an inspector's port) are not the child's.
    const child = fork(new URL('./child.ts', import.meta.url), {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    // `exit` alone may come before the last messages have been read.
    const gone = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
    const incarnation: Incarnation = { child, stats: emptyStats(), gone };
    incarnations.push(incarnation);
    current = incarnation;
    child.on('message', (message: Message) => {
      if (message.type === 'report') {
        incarnation.stats = message.report.stats;
        received.add(message.report);
        return;
      }
      const waiter = waiting.get(message.number);
      waiting.delete(message.number);
      if (message.error === undefined) waiter?.resolve(message.port);
      else waiter?.reject(new Error(message.error));
    });
    child.on('disconnect', () => {
      incarnation.stats.concurrentRequests = 0;
      for (const waiter of waiting.values()) waiter.reject(new Error('the collector is gone'));
      waiting.clear();
    });
    return command({ verb: 'start', options: { ...options, port } });
  }

  /** Without its parent the child ends by itself. */
  async function close(): Promise<void> {
    if (current.child.connected) current.child.disconnect();
    await current.gone;
  }

  async function kill(): Promise<void> {
    current.child.kill('SIGKILL');
    await current.gone;
  }

  // Chosen here: it stays ours while the child is gone.
  const port = await start(options.port ?? (await ownPort()));
  const url = `http://127.0.0.1:${port}`;
  return {
    port,
    url,
    logsUrl: `${url}/v1/logs`,
    stats,
    ids: () => received.ids,
    records: () => received.records,
    until: (condition, timeoutMillis) => received.until(condition, timeoutMillis),
    behave: async (behaviour) => void (await command({ verb: 'behave', behaviour })),
    script: async (...entries) => void (await command({ verb: 'script', entries })),
    refuse: async () => void (await command({ verb: 'refuse' })),
    listen: async () => void (await command({ verb: 'listen' })),
    kill,
    restart: async () => void (await start(port)),
    close,
  };
}

function sum(all: readonly CollectorStats[]): CollectorStats {
  const total = emptyStats();
  for (const stats of all) {
    for (const [key, value] of Object.entries(stats) as [keyof CollectorStats, number | object][]) {
      if (key === 'peakConcurrentRequests') total[key] = Math.max(total[key], stats[key]);
      else if (key === 'answers' || key === 'encodings') addAll(total[key], stats[key]);
      else if (typeof value === 'number') total[key] += value;
    }
  }
  return total;
}

function addAll(total: Record<string, number>, counts: Record<string, number>): void {
  for (const [key, count] of Object.entries(counts)) total[key] = (total[key] ?? 0) + count;
}
