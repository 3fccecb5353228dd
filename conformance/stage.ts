/** What one claim is played on: a processor behind a real LoggerProvider, a collector, and processes that end. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@opentelemetry/api';
import { LoggerProvider, type LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { TestCollector, type TestCollectorOptions } from '../src/testing/index.ts';
import { count, judged } from './claim.ts';
import type { Plan } from './service.ts';
import type { MakeOptions, Subject } from './subject.ts';

const SERVICE = join(import.meta.dirname, 'service.ts');
/** A port at which nobody listens. */
export const NOWHERE = 'http://127.0.0.1:1/v1/logs';
const TICK_MILLIS = 20;

export interface Pipeline {
  readonly processor: LogRecordProcessor;
  readonly provider: LoggerProvider;
  readonly logger: Logger;
}

export class Stage {
  readonly #subject: Subject;
  readonly #module: string;
  readonly #endings: (() => unknown)[] = [];
  #emitted = 0;

  /** @param module where child processes find the subject. */
  constructor(subject: Subject, module: string) {
    this.#subject = subject;
    this.#module = module;
  }

  /** Ended with the stage; knows records by their numbers. */
  async collector(options: TestCollectorOptions = {}): Promise<TestCollector> {
    const collector = await TestCollector.start({ identity: { attribute: 'n' }, ...options });
    this.#endings.push(() => collector.stop());
    return collector;
  }

  /** Without a collector there is nobody at the address. */
  pipeline(options: Partial<MakeOptions> = {}): Pipeline {
    const processor = this.#subject.makeProcessor({ url: NOWHERE, ...options });
    const provider = new LoggerProvider({ processors: [processor] });
    return { processor, provider, logger: provider.getLogger('conformance') };
  }

  /** Numbered records; returns how many there are now. */
  emit(logger: Logger, records: number): number {
    for (let index = 0; index < records; index++) {
      const n = this.#emitted++;
      logger.emit({ body: `record ${n}`, severityNumber: 9, severityText: 'INFO', attributes: { n } });
    }
    return this.#emitted;
  }

  /** The same, spread over a time; all of them, although the machine may be late. */
  async emitFor(logger: Logger, millis: number, perSecond: number): Promise<void> {
    const start = performance.now();
    const total = (millis / 1_000) * perSecond;
    for (let emitted = 0; emitted < total; await sleep(TICK_MILLIS)) {
      const due = Math.min(total, Math.floor(((performance.now() - start) / 1_000) * perSecond));
      this.emit(logger, due - emitted);
      emitted = due;
    }
  }

  /** Whether every record that was emitted arrives within the time, and nothing but those. */
  async allArrive(collector: TestCollector, withinMillis: number, emitted = this.#emitted): Promise<string> {
    await collector.received(emitted, withinMillis).catch(() => {});
    const { different } = collector.account();
    return judged(different === emitted, `${count(different)} of ${count(emitted)} arrived`);
  }

  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'conformance-'));
    this.#endings.push(() => rm(directory, { recursive: true, force: true }));
    return directory;
  }

  /** A process with the processor; killed with the stage. */
  start(plan: Plan, flags: readonly string[] = []): ChildProcess {
    const args = [
      ...flags,
      '--disable-warning=OTEL_SPILLWAY_LOSS',
      SERVICE,
      this.#module,
      JSON.stringify(plan),
    ];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#endings.push(() => child.kill('SIGKILL'));
    return child;
  }

  /** Resolves with what such a process has printed when it has ended. */
  async run(plan: Plan, flags?: readonly string[]): Promise<string> {
    const child = this.start(plan, flags);
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (printed += text));
    await once(child, 'close');
    return printed;
  }

  async end(): Promise<void> {
    for (const ending of this.#endings.splice(0)) await ending();
  }
}

/** How long the promise takes; `undefined` if it has not settled by then. */
export async function millisUntil(
  promise: Promise<unknown>,
  limitMillis: number,
): Promise<number | undefined> {
  const start = performance.now();
  const settled = promise.then(
    () => true,
    () => true,
  );
  const isSettled = await Promise.race([settled, sleep(limitMillis, false, { ref: false })]);
  return isSettled ? performance.now() - start : undefined;
}
