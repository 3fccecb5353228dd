/** Calls exporters and the host in contexts that are marked, so that records emitted inside them are recognised. */

import { type Context, context, createContextKey, diag, ROOT_CONTEXT } from '@opentelemetry/api';
import { type Clock, systemClock } from '../common/clock.ts';
import { quietly } from '../common/errors.ts';

/** The key of core's `suppressTracing`. Context keys are global symbols, shared by all copies of @opentelemetry/core. */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
const ORIGIN = createContextKey('otel-spillway origin');

/** Work that outlives its callback counts as its own for this long, but not for ever: it may be a server. */
const AFTERMATH_MILLIS = 1_000;

/** Records emitted in the context of this call count as its own before `until`. */
interface CallbackCall {
  until: number;
  readonly now: () => number;
}

/** From the root: an export must neither inherit nor keep alive the request during which it started. */
const EXPORT_CONTEXT = ROOT_CONTEXT.setValue(SUPPRESS_TRACING, true).setValue(ORIGIN, 'export');

// Without a context manager no context is ever active; the depths still recognise records emitted synchronously.
let exportDepth = 0;
let callbackDepth = 0;

export function runExporting<T>(run: () => T): T {
  exportDepth++;
  try {
    return context.with(EXPORT_CONTEXT, run);
  } finally {
    exportDepth--;
  }
}

/** Runs a callback or `diag` logger of the host and throws its errors. An async one lasts until its promise settles. */
export function runCallback<T>(run: () => T, { now }: Pick<Clock, 'now'> = systemClock): T {
  const call: CallbackCall = { until: Number.POSITIVE_INFINITY, now };
  const ended = () => {
    call.until = now() + AFTERMATH_MILLIS;
  };
  let returned: T | undefined;
  callbackDepth++;
  try {
    returned = context.with(context.active().setValue(ORIGIN, call), run);
    return returned;
  } finally {
    callbackDepth--;
    if (returned instanceof Promise) returned.then(ended, ended);
    else ended();
  }
}

/**
 * Recognises exports and callbacks of all processors of this package: two that record each other's exports would feed
 * each other for ever, and so would a callback that logs its events.
 */
export function originOf(active: Context | undefined): 'export' | 'callback' | undefined {
  if (callbackDepth > 0) return 'callback';
  if (exportDepth > 0) return 'export';
  const origin = (active ?? context.active()).getValue(ORIGIN) as 'export' | CallbackCall | undefined;
  if (origin === undefined || origin === 'export') return origin;
  return origin.now() < origin.until ? 'callback' : undefined;
}

/** Logs a message for people. The host's `diag` logger may throw, and may log through this package. */
export function say(level: 'error' | 'warn' | 'info', message: string): void {
  quietly(() => runCallback(() => diag[level](`otel-spillway: ${message}`)));
}
