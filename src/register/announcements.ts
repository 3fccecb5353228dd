/** Reports of `register`, each once: through `diag` if a logger is registered, otherwise as warnings of the process. */

import type { DiagLogger } from '@opentelemetry/api';
import { causeOf, messageOf, quietly } from '../common/errors.ts';
import { visible } from '../common/visible-text.ts';
import { type Api, registered } from './packages.ts';

/** Users can silence it with `--disable-warning=OTEL_SPILLWAY_REGISTER`. */
const CODE = 'OTEL_SPILLWAY_REGISTER';

const MAX_LENGTH = 1_000;

const LEVELS = ['error', 'warn', 'info', 'debug', 'verbose'] as const;
type Level = (typeof LEVELS)[number];

interface Line {
  readonly level: Level;
  readonly words: readonly unknown[];
}

/** For failures before anything is set up. */
export function warnOfFailure(error: unknown): void {
  print({ level: 'error', words: [failure(error)] });
}

function failure(error: unknown): string {
  return `otel-spillway: register: no logs are collected: ${causeOf(error).replace(/^otel-spillway: /, '')}`;
}

/** Variables are quoted in messages, and may hold anything. */
function ours(message: string): string {
  const text = message.length > MAX_LENGTH ? `${message.slice(0, MAX_LENGTH)}…` : message;
  return `otel-spillway: register: ${visible(text)}`;
}

function print({ level, words }: Line): void {
  quietly(() => {
    const diag = registered('diag') as DiagLogger | undefined;
    const [message = '', ...rest] = words.map((word) => (typeof word === 'string' ? word : messageOf(word)));
    if (diag !== undefined) diag[level](message, ...rest);
    else if (level === 'error' || level === 'warn') {
      process.emitWarning([message, ...rest].join(' '), { code: CODE });
    }
  });
}

/** Keeps all `diag` messages until the set-up ends: only then is the logger known, and duplicates can be left out. */
export class Announcements {
  readonly #lines: Line[] = [];
  #giveBack: (() => void) | undefined;

  warn(message: string): void {
    this.#lines.push({ level: 'warn', words: [ours(message)] });
  }

  failed(error: unknown): void {
    this.#lines.push({ level: 'error', words: [failure(error)] });
  }

  info(message: string): void {
    this.#lines.push({ level: 'info', words: [ours(message)] });
  }

  listen({ diag, DiagLogLevel }: Api): void {
    const previous = registered('diag') as DiagLogger | undefined;
    const collect =
      (level: Level) =>
      (message: string, ...rest: unknown[]) => {
        this.#lines.push({ level, words: [message, ...rest] });
      };
    const collector = Object.fromEntries(LEVELS.map((level) => [level, collect(level)])) as unknown;
    // The registered logger filters by itself.
    const options = { logLevel: DiagLogLevel.ALL, suppressOverrideMessage: true };
    if (!diag.setLogger(collector as DiagLogger, options)) return;
    this.#giveBack = () => {
      if (previous === undefined) diag.disable();
      else diag.setLogger(previous, options);
    };
  }

  /** @param choose registers the logger that the environment asks for. */
  deliver(choose: () => void): void {
    this.#giveBack?.();
    quietly(choose);
    const said = new Set<string>();
    for (const line of this.#lines) {
      const text = line.words.map(messageOf).join(' ');
      if (said.has(text)) continue;
      said.add(text);
      print(line);
    }
  }
}
