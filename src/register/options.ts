/** Builds options from the variables `OTEL_SPILLWAY_*`. Refused values are reported once and left out. */

import { messageOf } from '../common/errors.ts';
import { type EnvironmentReader, VARIABLES, type Variable } from './variables.ts';

interface Given {
  readonly variable: Variable;
  readonly value: unknown;
}

type Options = Record<string, unknown>;

/** Options of the exporter are in `exporter`. */
export class OptionsFromEnvironment {
  readonly #env: EnvironmentReader;
  readonly #given = new Map<string, Given>();

  constructor(env: EnvironmentReader) {
    this.#env = env;
    for (const variable of VARIABLES) {
      const value = textValue(variable, env);
      if (value !== undefined) this.#given.set(variable.option, { variable, value });
    }
    if (this.#given.has('spool.directory')) return;
    for (const { variable } of this.#given.values()) {
      if (!variable.option.startsWith('spool.')) continue;
      env.wrong(variable.name, 'beside OTEL_SPILLWAY_SPOOL_DIRECTORY, which is not set');
      this.#given.delete(variable.option);
    }
  }

  /**
   * Calls `make`, which alone knows ranges and dependencies, again without each option that its error refuses.
   * @throws errors that concern none of the variables.
   */
  construct<T>(make: (options: Options) => T): T {
    for (;;) {
      try {
        return make(this.#options());
      } catch (error) {
        if (!this.#leaveOut(messageOf(error))) throw error;
      }
    }
  }

  #options(): Options {
    const options: Options = {};
    const entries = Array.from(this.#given.values(), ({ variable, value }) => ({
      path: variable.option.split('.'),
      value,
    }));
    for (const { path, value } of entries) {
      const [group = '', name] = path;
      // A group that is switched off has no members.
      if (name === undefined) options[group] = value;
      else if (options[group] !== false) options[group] = { ...(options[group] as Options), [name]: value };
    }
    return options;
  }

  #leaveOut(message: string): boolean {
    const [, option = '', expected] = /option '([^']+)' must be (.*?)(?:, got .*)?$/s.exec(message) ?? [];
    const given = this.#given.get(option) ?? this.#given.get(`exporter.${option}`);
    if (given === undefined || expected === undefined) return false;
    this.#env.wrong(given.variable.name, expected);
    this.#given.delete(given.variable.option);
    if (given.variable.option !== 'spool.directory') return true;
    // A spool needs a directory.
    for (const key of this.#given.keys()) if (key.startsWith('spool.')) this.#given.delete(key);
    return true;
  }
}

function textValue({ name, kind }: Variable, env: EnvironmentReader): unknown {
  const text = env.text(name);
  if (text === undefined) return undefined;
  switch (kind) {
    case 'number':
      return numberOf(text);
    case 'text':
      return text;
    case 'boolean':
      return env.boolean(name);
    case 'switch': {
      const isOn = env.boolean(name);
      return isOn === true ? {} : isOn;
    }
  }
}

/** NaN if the text is no number: it is outside of every range. */
function numberOf(text: string): number {
  if (text.toLowerCase() === 'infinity') return Number.POSITIVE_INFINITY;
  return /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}
