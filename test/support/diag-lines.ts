/** What a test's code says through `diag`. */

import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { onTestFinished } from 'vitest';

/** Collects the messages of a level and above until the test ends. */
export function diagLines(level: 'info' | 'warn' = 'warn'): string[] {
  const lines: string[] = [];
  const add = (message: string) => {
    lines.push(message);
  };
  const logger: DiagLogger = { error: add, warn: add, info: add, debug: add, verbose: add };
  diag.setLogger(logger, level === 'info' ? DiagLogLevel.INFO : DiagLogLevel.WARN);
  onTestFinished(() => diag.disable());
  return lines;
}
