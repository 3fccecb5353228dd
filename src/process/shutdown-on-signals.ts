/** Ends a process properly on SIGTERM and SIGINT: telemetry first, then the signal's own effect. */

import { diag } from '@opentelemetry/api';
import { settledWithin, systemClock } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';
import { processWide } from '../common/package.ts';
import { numberOption } from '../common/validation.ts';
import { storeAll } from './exit-hooks.ts';

/** A LoggerProvider, NodeSDK, processor, or anything else that shuts down. */
export interface Shutdownable {
  /** Called once. A rejection is reported through `diag`. */
  shutdown(): Promise<unknown>;
}

/** The signals that ask a process to end and can be listened for. */
export type ProcessSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGQUIT' | 'SIGBREAK' | 'SIGUSR1' | 'SIGUSR2';

/** The signals to listen for, and a step before telemetry ends. */
export interface ShutdownOnSignalsOptions {
  /** The signals to listen for. Default `['SIGTERM', 'SIGINT']`. */
  signals?: readonly ProcessSignal[];
  /**
   * Awaited before `shutdown()`: close your servers here, so that their last requests are still logged. Before it is
   * called, processors with a spool copy their queue to disk, for up to a second.
   */
  before?: () => unknown;
  /** Milliseconds to wait for `before`. Default 5,000, range 0 to 3,600,000, else an error. */
  beforeTimeoutMillis?: number;
}

interface Target {
  readonly signals: readonly ProcessSignal[];
  /** Neither `before` nor `shutdown` rejects. */
  readonly before: (() => Promise<void>) | undefined;
  readonly shutdown: (signal: ProcessSignal) => Promise<void>;
}

interface Registry {
  readonly waiting: Set<Target>;
  readonly ending: Set<Target>;
  readonly listeners: Map<ProcessSignal, () => void>;
  /** The signals to raise again. */
  readonly received: Set<ProcessSignal>;
  /** Signals of ending targets that others heard, too, and may raise again when they have ended. */
  readonly shared: Set<ProcessSignal>;
}

const registry = processWide<Registry>('signals', () => ({
  waiting: new Set(),
  ending: new Set(),
  listeners: new Map(),
  received: new Set(),
  shared: new Set(),
}));

/**
 * On the first of the signals: awaits `before`, shuts `target` down, then raises the signal again without a listener,
 * so that the parent sees the exit status of a process killed by it. Several targets are shut down concurrently, once
 * the steps before of all of them have ended, and the signal is raised again when all have ended. If there are other
 * listeners for the signal, raising it again is left to them; one that does so early does not cut the shutdown short.
 * Otherwise a second signal ends the process immediately.
 *
 * @returns a function that removes `target`, and with the last one the listeners.
 * @throws SpillwayError `ERR_SPILLWAY_OPTION` for a `beforeTimeoutMillis` out of range.
 */
export function shutdownOnSignals(target: Shutdownable, options: ShutdownOnSignalsOptions = {}): () => void {
  const { before, signals = ['SIGTERM', 'SIGINT'] } = options;
  const timeoutMillis = numberOption(options.beforeTimeoutMillis, 'beforeTimeoutMillis', {
    min: 0,
    max: 3_600_000,
    default: 5_000,
  });
  const entry: Target = {
    signals,
    before: before === undefined ? undefined : () => stepBefore(before, timeoutMillis),
    shutdown: async (signal) => {
      try {
        await target.shutdown();
      } catch (error) {
        say('error', `shutdown on ${signal} failed: ${messageOf(error)}`);
      }
    },
  };
  registry.waiting.add(entry);
  listen();
  return () => {
    registry.waiting.delete(entry);
    listen();
  };
}

/** Listens for the signals of waiting targets; a second one has its own effect, except one that others may raise again. */
function listen(): void {
  const { waiting, ending, listeners, shared } = registry;
  const wanted = new Set(Array.from(waiting, ({ signals }) => signals).flat());
  for (const { signals } of ending) for (const signal of signals) wanted.delete(signal);
  for (const signal of shared) wanted.add(signal);
  for (const [signal, listener] of listeners) {
    if (wanted.has(signal)) continue;
    process.off(signal, listener);
    listeners.delete(signal);
  }
  for (const signal of wanted) {
    if (listeners.has(signal)) continue;
    const listener = () => (shared.has(signal) ? raisedAgain(signal) : void end(signal));
    listeners.set(signal, listener);
    // Before a listener that is called once: where it has been called, nobody would know of it.
    process.prependListener(signal, listener);
  }
}

async function end(signal: ProcessSignal): Promise<void> {
  const { waiting, ending, received, shared } = registry;
  const targets = [...waiting].filter(({ signals }) => signals.includes(signal));
  const isShared = isHeardByOthers(signal);
  if (!isShared) received.add(signal);
  for (const target of targets) {
    waiting.delete(target);
    ending.add(target);
  }
  listen();
  if (isShared) {
    // Not before all have been called: some raise the signal immediately if they are the only ones to listen.
    await undefined;
    shared.add(signal);
    listen();
  }
  const steps = targets.flatMap(({ before }) => before ?? []);
  if (steps.length > 0) {
    await storeAll();
    // All steps first: a server that is being closed may still log to any of the targets.
    await Promise.all(steps.map((before) => before()));
  }
  await Promise.all(targets.map((target) => target.shutdown(signal)));
  for (const target of targets) ending.delete(target);
  if (ending.size > 0) return;
  const raised = [...received];
  received.clear();
  shared.clear();
  listen();
  for (const again of raised) if (!isHeardByOthers(again)) process.kill(process.pid, again);
}

/** By a listener that has ended what it had to, and has removed itself; while others listen, they decide. */
function raisedAgain(signal: ProcessSignal): void {
  if (isHeardByOthers(signal)) return;
  registry.received.add(signal);
  registry.shared.delete(signal);
  listen();
}

function isHeardByOthers(signal: ProcessSignal): boolean {
  const own = registry.listeners.get(signal);
  return process.listeners(signal).some((listener) => listener !== own);
}

async function stepBefore(before: () => unknown, timeoutMillis: number): Promise<void> {
  const step = async () => {
    try {
      await before();
    } catch (error) {
      say('error', `the step before shutdown failed: ${messageOf(error)}`);
    }
  };
  if (await settledWithin(step(), timeoutMillis, systemClock)) return;
  say('warn', `the step before shutdown has not ended within ${timeoutMillis} ms: going on without it`);
}

/** The host's diag logger may throw, which must not keep the process from ending. */
function say(level: 'warn' | 'error', message: string): void {
  try {
    diag[level](`otel-spillway: ${message}`);
  } catch {
    // There is no other way to report it.
  }
}
