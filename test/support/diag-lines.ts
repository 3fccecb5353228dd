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
  // Another file of this worker may have left one behind, which is not what a test is about.
  const logLevel = level === 'info' ? DiagLogLevel.INFO : DiagLogLevel.WARN;
  diag.setLogger(logger, { logLevel, suppressOverrideMessage: true });
  onTestFinished(() => diag.disable());
  return lines;
}
