/** Reads the environment by the OpenTelemetry specification: empty is unset; invalid values are reported and ignored. */

import { quietly } from '../common/errors.ts';

type Warn = (message: string) => void;

export class EnvironmentReader {
  readonly #texts: ReadonlyMap<string, string>;
  readonly #warn: Warn;

  /** @param env may be an object of the application that throws. */
  constructor(env: NodeJS.ProcessEnv, warn: Warn) {
    const texts = new Map<string, string>();
    quietly(() => {
      for (const name of Object.keys(env)) {
        quietly(() => {
          const text = env[name]?.trim();
          if (text) texts.set(name, text);
        });
      }
    });
    this.#texts = texts;
    this.#warn = warn;
  }

  get names(): string[] {
    return [...this.#texts.keys()];
  }

  /** Trimmed, never empty. */
  text(name: string): string | undefined {
    return this.#texts.get(name);
  }

  list(name: string): string[] | undefined {
    const items = this.text(name)
      ?.split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    return items?.length === 0 ? undefined : items;
  }

  boolean(name: string): boolean | undefined {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined || text === 'true') return text === undefined ? undefined : true;
    if (text !== 'false') this.wrong(name, "'true' or 'false'");
    return text === 'false' ? false : undefined;
  }

  positiveInteger(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\+?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= 1) return value;
    this.wrong(name, 'an integer of 1 or more');
    return undefined;
  }

  wrong(name: string, expected: string): void {
    const text = this.text(name) ?? '';
    const got = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    this.#warn(`environment variable ${name} must be ${expected}, got '${got}'; it is ignored`);
  }
}
