/** The interface of a command, and the parser of its arguments. */

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { messageOf } from '../../common/errors.ts';
import { EXIT, type ExitCode, type LineWriter, Problem } from './output.ts';

export interface Command {
  /** Text after the name: `<directory> [--json]`. */
  readonly synopsis: string;
  readonly summary: string;
  /** Full help, including the options. */
  readonly details: string;
  /** @throws Problem. */
  run(args: readonly string[], output: LineWriter): Promise<ExitCode>;
}

/** @throws Problem if the arguments are not a directory and these options. */
export function parseCommand<const T extends ParseArgsOptionsConfig>(args: readonly string[], options: T) {
  const { values, positionals } = parsed(args, options);
  const [directory, ...others] = positionals;
  if (directory === undefined || directory === '') {
    throw usageProblem(directory === undefined ? 'the directory is missing' : 'the directory is empty');
  }
  if (others.length > 0) throw usageProblem(`one directory at a time; '${others[0]}' is one too many`);
  if (directory.includes('\0')) throw usageProblem('a path has no NUL');
  return { directory, values };
}

function parsed<const T extends ParseArgsOptionsConfig>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    // Node's further sentences are hints that do not apply here.
    const [sentence = ''] = messageOf(error).split(/\. |\n/);
    throw usageProblem(sentence);
  }
}

/** @returns undefined if the option was not given. @throws Problem. */
export function numberValue(
  text: string | undefined,
  name: string,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined;
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (number >= min && number <= max) return number;
  throw usageProblem(`--${name} is a number from ${min} to ${max}, not '${text}'`);
}

export function usageProblem(message: string): Problem {
  return new Problem(EXIT.usage, message.charAt(0).toLowerCase() + message.slice(1));
}
