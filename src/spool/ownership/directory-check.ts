/** Whether the spool's directory may be used: made if need be, and nobody else's to write to. */

import { dirname } from 'node:path';
import { invalid } from '../../common/validation.ts';
import { codeOf, isMissing, type SpoolFiles } from '../format/file-system.ts';
import { DIRECTORY_MODE } from '../format/names.ts';

const OPTION = 'spool.directory';
/** Whoever may write in the directory can have this process read and send what they like. */
const WRITABLE_BY_OTHERS = 0o022;
/** Group-writable and setgid, and closed to others: what Kubernetes makes of all directories on a volume (`fsGroup`). */
const OPENED_TO_VOLUME_GROUP = 0o2020;
/** What no waiting mends: the directory is the wrong one, or its permissions are. */
const MISTAKES = new Set(['EACCES', 'EPERM', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'ERR_INVALID_ARG_VALUE']);

/**
 * Makes the directory if it is not there, and those it is in.
 * @throws SpillwayError ERR_SPILLWAY_OPTION when it is not a directory that is this process's alone to use.
 * @returns what the disk said, when it is the disk that failed.
 */
export function checkDirectory(
  directory: string,
  files: SpoolFiles,
  warn: (topic: string, message: string) => void,
): unknown {
  try {
    makeDirectorySync(directory, files);
    const found = files.statSync(directory);
    if (!found.isDirectory()) throw mistake('a directory', directory);
    if (isClosable(found.mode, found.uid)) {
      files.chmodSync(directory, DIRECTORY_MODE);
      warn('spool directory', `the group could write to ${directory}: its mode is 0700 again`);
    } else {
      checkOwner(directory, found.mode, found.uid);
    }
    files.accessSync(directory);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ERR_SPILLWAY_OPTION') throw error;
    if (code !== undefined && MISTAKES.has(code)) {
      throw mistake(`a directory that can be made, entered and written to (${code})`, directory);
    }
    return error ?? new Error('unknown error');
  }
  return undefined;
}

/** @throws what the file system does. */
export function makeDirectorySync(directory: string, files: SpoolFiles): void {
  try {
    // Not made at once and be told that it is there: a disk that is full or read-only may say that first.
    files.statSync(directory);
  } catch (error) {
    if (!isMissing(error)) throw error;
    if (dirname(directory) !== directory) makeDirectorySync(dirname(directory), files);
    try {
      files.mkdirSync(directory, DIRECTORY_MODE);
    } catch (failure) {
      if (codeOf(failure) !== 'EEXIST') throw failure;
    }
  }
}

/** @throws what the file system does. */
export async function makeDirectory(directory: string, files: SpoolFiles): Promise<void> {
  try {
    await files.stat(directory);
  } catch (error) {
    if (!isMissing(error)) throw error;
    if (dirname(directory) !== directory) await makeDirectory(dirname(directory), files);
    try {
      await files.mkdir(directory, DIRECTORY_MODE);
    } catch (failure) {
      if (codeOf(failure) !== 'EEXIST') throw failure;
    }
  }
}

/** Otherwise a service whose volume is given to its group would not start a second time. */
function isClosable(mode: number, uid: number): boolean {
  return (mode & 0o2022) === OPENED_TO_VOLUME_GROUP && uid === process.getuid?.();
}

function checkOwner(directory: string, mode: number, uid: number): void {
  if (process.platform === 'win32') return;
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    throw mistake(
      'a directory that only its owner can write to (on a shared volume: one of its own in it)',
      directory,
    );
  }
  const own = process.getuid?.();
  if (own !== undefined && uid !== own && uid !== 0) {
    throw mistake('a directory that belongs to the user of this process, or to root', directory);
  }
}

function mistake(expected: string, directory: string): Error {
  return invalid(OPTION, expected, directory);
}
