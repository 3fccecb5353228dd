/** What processors say through OpenTelemetry's `diag`, told apart by their names. */

import { DiagLogLevel, diag } from '@opentelemetry/api';
import { nextComponentName } from './subject.ts';

export interface DiagnosticLine {
  readonly at: number;
  readonly level: 'error' | 'warn' | 'info';
  readonly text: string;
}

const NAMED = /^otel-spillway: ([\w/]+): (.*)$/s;

export class Diagnostics {
  readonly #now: () => number;
  readonly #lines = new Map<string, DiagnosticLine[]>();
  /** What was said in no processor's name. */
  readonly others: DiagnosticLine[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Listens, until `diag.disable()`. */
  listen(): void {
    const hear = (level: DiagnosticLine['level']) => (message: string) => this.#heard(level, message);
    const logger = {
      error: hear('error'),
      warn: hear('warn'),
      info: hear('info'),
      debug: () => {},
      verbose: () => {},
    };
    diag.setLogger(logger, { logLevel: DiagLogLevel.INFO, suppressOverrideMessage: true });
  }

  /** @param lines of the processor that is constructed next. */
  expect(lines: DiagnosticLine[]): void {
    const name = nextComponentName();
    const slash = name.lastIndexOf('/');
    this.#lines.set(`${name.slice(0, slash)}/${Number(name.slice(slash + 1)) + 1}`, lines);
  }

  #heard(level: DiagnosticLine['level'], message: string): void {
    const [, name = '', text = message] = NAMED.exec(message) ?? [];
    (this.#lines.get(name) ?? this.others).push({ at: this.#now(), level, text });
  }
}
