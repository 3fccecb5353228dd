/** All file-system calls of the spool behind one interface that tests can make fail, and helpers for its errors. */

import { default as fs } from 'node:fs';
import { promisify } from 'node:util';
import { messageOf } from '../../common/errors.ts';
import { type OpenFlags, openFile, openFileSync, readSmallFile } from './open-file.ts';

const writev = promisify(fs.writev);
const read = promisify(fs.read);

/**
 * Synchronous calls serve the start, bursts and the exit. Errors are those of `node:fs`; callers pass them on, unless
 * they are documented never to throw or reject.
 */
export interface SpoolFiles {
  mkdir(path: string, mode: number): Promise<void>;
  readdir(path: string): Promise<string[]>;
  /** Of what has this name: links are not followed. */
  stat(path: string): Promise<{ readonly size: number; readonly mode: number; isDirectory(): boolean }>;
  /** Rejects also if the file is larger than `maxBytes`. */
  readFile(path: string, maxBytes: number): Promise<Buffer>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  /** Makes the entries of a directory durable, where the platform can. */
  syncDirectory(path: string): Promise<void>;
  /** Opens regular files only, and follows no link. @param mode permissions of a new file. */
  open(path: string, flags: OpenFlags, mode: number): Promise<number>;
  close(fd: number): Promise<void>;
  /** May read less than there is room for. @returns the bytes read, 0 at the end. */
  read(fd: number, buffer: Uint8Array, position: number): Promise<number>;
  /** May write less than it was given. @returns the bytes written. */
  writev(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number>;
  datasync(fd: number): Promise<void>;
  mkdirSync(path: string, mode: number): void;
  /** Follows links. */
  statSync(path: string): { readonly mode: number; readonly uid: number; isDirectory(): boolean };
  chmodSync(path: string, mode: number): void;
  /** Throws unless this process can list, enter and write to the directory. */
  accessSync(path: string): void;
  openSync(path: string, flags: OpenFlags, mode: number): number;
  closeSync(fd: number): void;
  /** May read less than there is room for. @returns the bytes read, 0 at the end. */
  readSync(fd: number, buffer: Uint8Array, position: number): number;
  /** May write less than it was given. @returns the bytes written. */
  writeSync(fd: number, buffer: Uint8Array, position: number): number;
  datasyncSync(fd: number): void;
  renameSync(from: string, to: string): void;
  syncDirectorySync(path: string): void;
  unlinkSync(path: string): void;
  rmdirSync(path: string): void;
}

export const nodeFiles: SpoolFiles = {
  mkdir: (path, mode) => fs.promises.mkdir(path, mode),
  readdir: (path) => fs.promises.readdir(path),
  stat: (path) => fs.promises.lstat(path),
  readFile: readSmallFile,
  rename: (from, to) => fs.promises.rename(from, to),
  unlink: (path) => fs.promises.unlink(path),
  rmdir: (path) => fs.promises.rmdir(path),
  async syncDirectory(path) {
    // Windows cannot open a directory and does not need to.
    if (process.platform === 'win32') return;
    const handle = await fs.promises.open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  open: (path, flags, mode) => openFile(path, flags, mode),
  close: promisify(fs.close),
  read: async (fd, buffer, position) => (await read(fd, buffer, 0, buffer.byteLength, position)).bytesRead,
  writev: async (fd, buffers, position) => (await writev(fd, buffers, position)).bytesWritten,
  datasync: promisify(fs.fdatasync),
  mkdirSync: (path, mode) => fs.mkdirSync(path, mode),
  statSync: (path) => fs.statSync(path),
  chmodSync: (path, mode) => fs.chmodSync(path, mode),
  accessSync: (path) => fs.accessSync(path, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK),
  openSync: (path, flags, mode) => openFileSync(path, flags, mode),
  closeSync: (fd) => fs.closeSync(fd),
  readSync: (fd, buffer, position) => fs.readSync(fd, buffer, 0, buffer.byteLength, position),
  writeSync: (fd, buffer, position) => fs.writeSync(fd, buffer, 0, buffer.byteLength, position),
  datasyncSync: (fd) => fs.fdatasyncSync(fd),
  renameSync: (from, to) => fs.renameSync(from, to),
  syncDirectorySync(path) {
    if (process.platform === 'win32') return;
    const fd = fs.openSync(path, 'r');
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
  unlinkSync: (path) => fs.unlinkSync(path),
  rmdirSync: (path) => fs.rmdirSync(path),
};

/** Reads until the buffer is full or the file ends. @param enough bytes after which a short read is accepted. */
export async function readFully(
  files: Pick<SpoolFiles, 'read'>,
  fd: number,
  buffer: Uint8Array,
  position: number,
  enough = buffer.byteLength,
): Promise<number> {
  let done = 0;
  while (done < enough) {
    const read = await files.read(fd, buffer.subarray(done), position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

/** Synchronous {@link readFully}. */
export function readFullySync(
  files: Pick<SpoolFiles, 'readSync'>,
  fd: number,
  buffer: Uint8Array,
  position: number,
): number {
  let done = 0;
  while (done < buffer.byteLength) {
    const read = files.readSync(fd, buffer.subarray(done), position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

/** Throws if a call writes nothing: the loop would never end. @param wrote called with the bytes of each step. */
export async function writeFully(
  files: Pick<SpoolFiles, 'writev'>,
  fd: number,
  buffers: readonly Uint8Array[],
  position: number,
  wrote: (bytes: number) => void = () => {},
): Promise<void> {
  let rest = buffers;
  let done = 0;
  while (rest.length > 0) {
    const written = notNothing(await files.writev(fd, rest, position + done));
    done += written;
    wrote(written);
    rest = behind(rest, written);
  }
}

/** Synchronous {@link writeFully}. */
export function writeFullySync(
  files: Pick<SpoolFiles, 'writeSync'>,
  fd: number,
  bytes: Uint8Array,
  position: number,
): void {
  for (let done = 0; done < bytes.byteLength; ) {
    done += notNothing(files.writeSync(fd, bytes.subarray(done), position + done));
  }
}

function notNothing(written: number): number {
  if (written === 0) throw new Error('nothing was written');
  return written;
}

function behind(buffers: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  for (let index = 0; index < buffers.length; index++) {
    const buffer = buffers[index] as Uint8Array;
    if (left < buffer.byteLength) return [buffer.subarray(left), ...buffers.slice(index + 1)];
    left -= buffer.byteLength;
  }
  return [];
}

export async function unlinkIfThere(files: Pick<SpoolFiles, 'unlink'>, path: string): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

export function unlinkIfThereSync(files: Pick<SpoolFiles, 'unlinkSync'>, path: string): void {
  try {
    files.unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Never rejects. @returns false for a link to a directory: what is done there would be done elsewhere. */
export async function isDirectory(path: string, files: Pick<SpoolFiles, 'stat'>): Promise<boolean> {
  return await files.stat(path).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
}

/** The `code` of a file-system error; undefined for other errors. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** Also true if a file has replaced the directory. */
export function isGone(error: unknown): boolean {
  return isMissing(error) || codeOf(error) === 'ENOTDIR';
}

/** Without the path that ends Node's message: `ENOSPC: no space left on device`. */
export function reasonOf(error: unknown): string {
  const [reason = ''] = messageOf(error).split(", '");
  const code = codeOf(error);
  if (code === undefined) return reason;
  const text = reason.replace(/, \w+( '.*)?$/s, '');
  return text.startsWith(code) ? text : code;
}
