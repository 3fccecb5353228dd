/** Errors of a simulated disk, with the code, the fields and the words of those that Node.js throws. */

import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';

/** The name of an error, such as `ENOSPC`. */
export type ErrorCode = keyof typeof constants.errno;

/**
 * @param call the system call by Node's name for it, such as `scandir`.
 * @param path undefined for a call on a file descriptor.
 * @param dest the second path of a call that has two.
 */
export function diskError(
  code: ErrorCode,
  call: string,
  path?: string,
  dest?: string,
): NodeJS.ErrnoException & { dest?: string } {
  const errno = -constants.errno[code];
  const { stackTraceLimit } = Error;
  // Those of asynchronous calls have no stack in reality either, and it is most of the time that an error takes.
  Error.stackTraceLimit = 0;
  const from = path === undefined ? '' : ` '${path}'`;
  const to = dest === undefined ? '' : ` -> '${dest}'`;
  const error = new Error(`${code}: ${messageOf(errno)}, ${call}${from}${to}`);
  Error.stackTraceLimit = stackTraceLimit;
  return Object.assign(error, {
    errno,
    code,
    syscall: call,
    ...(path !== undefined && { path }),
    ...(dest !== undefined && { dest }),
  });
}

const messages = new Map<number, string>();

function messageOf(errno: number): string {
  const known = messages.get(errno) ?? getSystemErrorMessage(errno) ?? 'unknown error';
  messages.set(errno, known);
  return known;
}
