/** How a command ends: its exit code, and what is said of what went wrong. */

import { messageOf } from '../../common/errors.ts';
import { codeOf, reasonOf } from '../../spool/format/file-system.ts';

/** From 64 on as sysexits.h has them, so that scripts can tell a mistake from what was found. */
export const EXIT = {
  done: 0,
  /** The endpoint refused records for good. */
  refused: 1,
  /** There is damage; all that is sound was dealt with. */
  damaged: 2,
  /** Records belong to a process that lives. */
  held: 3,
  /** The endpoint does not take records at this time. */
  unreachable: 4,
  usage: 64,
  /** There is no spool here. */
  noSpool: 66,
  /** The output cannot be written. */
  noOutput: 73,
  /** Something is there, and cannot be read. */
  unreadable: 77,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command; the message is one line for people. */
export class Problem extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Nothing is there, or what is there can never be a directory. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE']);

/** What an error of the file system about `path` means for a command. */
export function fileProblem(path: string, error: unknown): Problem {
  const isAbsent = ABSENT.has(codeOf(error) ?? '');
  return new Problem(isAbsent ? EXIT.noSpool : EXIT.unreadable, `${path}: ${reasonOf(error)}`);
}

/** Whatever was thrown, as a problem. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const message = messageOf(error).replace(/^otel-spillway: /, '');
  if (codeOf(error) === 'ERR_SPILLWAY_OPTION') return new Problem(EXIT.usage, message);
  return new Problem(EXIT.unreadable, message);
}
