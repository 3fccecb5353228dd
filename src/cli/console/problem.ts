/** Exit codes of the command line, and the errors that lead to them. */

import { messageOf } from '../../common/errors.ts';
import { codeOf, reasonOf } from '../../spool/format/file-system.ts';

/** From 64 on as in sysexits.h, so that scripts can distinguish misuse from findings. */
export const EXIT = {
  done: 0,
  refused: 1,
  damaged: 2,
  /** Records belong to a living process. */
  held: 3,
  unreachable: 4,
  usage: 64,
  noSpool: 66,
  noOutput: 73,
  unreadable: 77,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The message is one line. */
export class Problem extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Codes for a path that is missing or can never be a directory. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE']);

export function fileProblem(path: string, error: unknown): Problem {
  const isAbsent = ABSENT.has(codeOf(error) ?? '');
  return new Problem(isAbsent ? EXIT.noSpool : EXIT.unreadable, `${path}: ${reasonOf(error)}`);
}

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const message = messageOf(error).replace(/^otel-spillway: /, '');
  if (codeOf(error) === 'ERR_SPILLWAY_OPTION') return new Problem(EXIT.usage, message);
  return new Problem(EXIT.unreadable, message);
}
