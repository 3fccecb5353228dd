/** What the file system says when something fails, in words that tell nothing of paths. */

import { messageOf } from '../../common/errors.ts';

/** The name of an error of the file system; undefined for any other. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** Such as `ENOSPC: no space left on device`: without the path, which the message of Node ends with. */
export function reasonOf(error: unknown): string {
  const [reason = ''] = messageOf(error).split(", '");
  const code = codeOf(error);
  if (code === undefined) return reason;
  const text = reason.replace(/, \w+( '.*)?$/s, '');
  return text.startsWith(code) ? text : code;
}
