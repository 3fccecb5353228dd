/** Ends a process properly on SIGTERM and SIGINT: telemetry first, then the signal's own effect. */

import { diag } from '@opentelemetry/api';
import { messageOf } from './errors.ts';

/** A LoggerProvider, NodeSDK, processor, or anything else that shuts down. */
export interface Shutdownable {
  shutdown(): Promise<unknown>;
}

/** The signals that ask a process to end and can be listened for. */
export type ProcessSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGQUIT' | 'SIGBREAK' | 'SIGUSR1' | 'SIGUSR2';

export interface ShutdownOnSignalsOptions {
  /** Default `['SIGTERM', 'SIGINT']`. */
  signals?: readonly ProcessSignal[];
  /** Awaited before `shutdown()`: close your servers here, so that their last requests are still logged. */
  before?: () => unknown;
}

/**
 * On the first of the signals: runs `before`, shuts `target` down, then raises the signal again with the
 * listener removed, so that the exit status tells the parent what a process killed by it tells. If there
 * are other listeners for the signal, raising it again is left to them. A second signal meanwhile ends
 * the process at once.
 *
 * @returns removes the listeners.
 */
export function shutdownOnSignals(target: Shutdownable, options: ShutdownOnSignalsOptions = {}): () => void {
  const signals = options.signals ?? (['SIGTERM', 'SIGINT'] as const);
  const stop = () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    stop();
    void end(signal);
  };
  const end = async (signal: NodeJS.Signals) => {
    try {
      await options.before?.();
    } catch (error) {
      diag.error(`otel-spillway: the step before shutdown failed: ${messageOf(error)}`);
    }
    try {
      await target.shutdown();
    } catch (error) {
      diag.error(`otel-spillway: shutdown on ${signal} failed: ${messageOf(error)}`);
    }
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return stop;
}
