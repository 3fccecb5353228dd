/** The contexts in which exports and callbacks of the host run: marked, so that records emitted inside are recognised. */

import { type Context, context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';
import { type Clock, systemClock } from '../common/clock.ts';

/**
 * The key of core's `suppressTracing`. Context keys are global symbols, so this is the same key in every
 * copy of @opentelemetry/core, and there is no need for one of our own.
 */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
const ORIGIN = createContextKey('otel-spillway origin');

/**
 * How long what a callback has begun, and does not wait for, still counts as its own. Not for ever: whatever is started
 * in a callback (a server, a stream that others write to) would be deaf from then on.
 */
const AFTERMATH_MILLIS = 1_000;

/** A call of a callback: until when what is emitted in its context is its own. */
interface CallbackCall {
  until: number;
  readonly now: () => number;
}

/** From the root: an export must not inherit, or keep alive, the request in which it happened to start. */
const EXPORT_CONTEXT = ROOT_CONTEXT.setValue(SUPPRESS_TRACING, true).setValue(ORIGIN, 'export');

// Without a context manager no context is ever active; this still recognises what is emitted synchronously.
let exportDepth = 0;
let callbackDepth = 0;

/** Runs an exporter's code. */
export function runExporting<T>(run: () => T): T {
  exportDepth++;
  try {
    return context.with(EXPORT_CONTEXT, run);
  } finally {
    exportDepth--;
  }
}

/**
 * Runs a callback of the host, a `diag` logger included. If it is async it lasts until its promise is settled.
 * @throws what the callback throws.
 */
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
 * Whether a record was emitted inside an export or a callback, of this processor or of any other of this package: two
 * that record each other's exports would feed each other for ever, and so would a callback that logs what it is told.
 */
export function originOf(active: Context | undefined): 'export' | 'callback' | undefined {
  if (callbackDepth > 0) return 'callback';
  if (exportDepth > 0) return 'export';
  const origin = (active ?? context.active()).getValue(ORIGIN) as 'export' | CallbackCall | undefined;
  if (origin === undefined || origin === 'export') return origin;
  return origin.now() < origin.until ? 'callback' : undefined;
}
