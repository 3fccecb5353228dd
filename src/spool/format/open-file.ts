/** Opens regular files only: never through a symbolic link, and never waiting for another process, as for a pipe. */

import { default as fs } from 'node:fs';
import { constants } from 'node:os';
import { promisify } from 'node:util';

/** Of existing files, and of files that must not exist yet. */
export type OpenFlags = 'r' | 'r+' | 'wx' | 'wx+';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
/** Windows has neither: links are looked for before the file is opened, and its pipes have paths of their own. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

const FLAGS: Readonly<Record<OpenFlags, number>> = {
  r: O_RDONLY | O_NONBLOCK,
  'r+': O_RDWR | O_NONBLOCK,
  // O_EXCL does not follow links either.
  wx: O_WRONLY | O_CREAT | O_EXCL,
  'wx+': O_RDWR | O_CREAT | O_EXCL,
};

const open = promisify(fs.open);
const close = promisify(fs.close);
const fstat = promisify(fs.fstat);
const lstat = promisify(fs.lstat);
const read = promisify(fs.read);

/** @throws also if the path is a symbolic link or no regular file: see `isForeign`. */
export async function openFile(
  path: string,
  flags: OpenFlags,
  mode: number,
  noFollow = O_NOFOLLOW,
): Promise<number> {
  if (noFollow === 0) refuseLink(await lstat(path).catch(() => undefined), path);
  const fd = await open(path, FLAGS[flags] | noFollow, mode);
  if (isNew(flags)) return fd;
  try {
    refuseOthers(await fstat(fd), path);
  } catch (error) {
    await close(fd);
    throw error;
  }
  return fd;
}

/** Synchronous {@link openFile}. */
export function openFileSync(path: string, flags: OpenFlags, mode: number, noFollow = O_NOFOLLOW): number {
  if (noFollow === 0) refuseLink(fs.lstatSync(path, { throwIfNoEntry: false }), path);
  const fd = fs.openSync(path, FLAGS[flags] | noFollow, mode);
  if (isNew(flags)) return fd;
  try {
    refuseOthers(fs.fstatSync(fd), path);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  return fd;
}

/** @throws also if the file is larger than `maxBytes`, of which it reads no more. */
export async function readSmallFile(path: string, maxBytes: number): Promise<Buffer> {
  const fd = await openFile(path, 'r', 0);
  try {
    const buffer = Buffer.alloc(Math.min((await fstat(fd)).size, maxBytes) + 1);
    let bytes = 0;
    while (bytes < buffer.length) {
      const { bytesRead } = await read(fd, buffer, bytes, buffer.length - bytes, bytes);
      if (bytesRead === 0) return buffer.subarray(0, bytes);
      bytes += bytesRead;
    }
    throw failure('EFBIG', 'file too large', 'read', path);
  } finally {
    await close(fd);
  }
}

/** Whether there is something else than a file in a file's place. Another error is one of the disk. */
export function isForeign(error: unknown): boolean {
  return FOREIGN.has((error as { code?: unknown } | null | undefined)?.code);
}

/** Linux and macOS; EMLINK is FreeBSD's for a link, ENXIO and EOPNOTSUPP are those of sockets. */
const FOREIGN = new Set<unknown>(['ELOOP', 'EMLINK', 'EFTYPE', 'EISDIR', 'ENXIO', 'EOPNOTSUPP']);

function isNew(flags: OpenFlags): boolean {
  return flags.startsWith('w');
}

function refuseLink(found: fs.Stats | undefined, path: string): void {
  if (found?.isSymbolicLink()) throw failure('ELOOP', 'the file is a symbolic link', 'open', path);
}

function refuseOthers(found: fs.Stats, path: string): void {
  if (found.isFile()) return;
  throw found.isDirectory()
    ? failure('EISDIR', 'illegal operation on a directory', 'open', path)
    : failure('EFTYPE', 'not a regular file', 'open', path);
}

/** An error like those of `node:fs`. */
function failure(code: string, message: string, syscall: string, path: string): NodeJS.ErrnoException {
  const errno = constants.errno[code as keyof typeof constants.errno];
  const error = new Error(`${code}: ${message}, ${syscall} '${path}'`);
  return Object.assign(error, { code, syscall, path, ...(errno !== undefined && { errno: -errno }) });
}
