/** Says something to people, through `diag`. */

import { diag } from '@opentelemetry/api';
import { runCallback } from '../delivery/export-context.ts';
import { quietly } from './errors.ts';

/** The host's diag logger is the host's code: it may throw, and it may log through this very package. */
export function say(level: 'error' | 'warn' | 'info', message: string): void {
  quietly(() => runCallback(() => diag[level](`otel-spillway: ${message}`)));
}
