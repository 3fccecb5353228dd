/** Logs messages for people through `diag`. */

import { diag } from '@opentelemetry/api';
import { quietly } from '../common/errors.ts';
import { runCallback } from './export-context.ts';

/** The host's `diag` logger may throw, and may log through this package. */
export function say(level: 'error' | 'warn' | 'info', message: string): void {
  quietly(() => runCallback(() => diag[level](`otel-spillway: ${message}`)));
}
