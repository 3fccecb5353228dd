/** The context exports run in: tracing suppressed, and marked so that records emitted inside are recognised. */

import { type Context, context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';

/**
 * The key of core's `suppressTracing`. Context keys are global symbols, so this is the same key in every
 * copy of @opentelemetry/core, and there is no need for one of our own.
 */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
const EXPORTING = createContextKey('otel-spillway exporting');

/** From the root: an export must not inherit, or keep alive, the request in which it happened to start. */
const EXPORT_CONTEXT = ROOT_CONTEXT.setValue(SUPPRESS_TRACING, true).setValue(EXPORTING, true);

// Without a context manager no context is ever active; this still recognises what is emitted synchronously.
let depth = 0;

/** Runs an exporter's code. */
export function runExporting<T>(run: () => T): T {
  depth++;
  try {
    return context.with(EXPORT_CONTEXT, run);
  } finally {
    depth--;
  }
}

/**
 * Whether a record was emitted inside an export, of this processor or of any other of this package: two
 * that record each other's exports would feed each other for ever.
 */
export function isExporting(active: Context | undefined): boolean {
  return depth > 0 || (active ?? context.active()).getValue(EXPORTING) === true;
}
