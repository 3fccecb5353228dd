/** Says something to people, through `diag`. */

import { diag } from '@opentelemetry/api';
import { quietly } from '../common/errors.ts';
import { runCallback } from './export-context.ts';

/** The host's diag logger is the host's code: it may throw, and it may log through this very package. */
export function say(level: 'error' | 'warn' | 'info', message: string): void {
  quietly(() => runCallback(() => diag[level](`otel-spillway: ${message}`)));
}
