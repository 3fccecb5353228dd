/** Creates the spool's directory if it is missing, and checks that nobody else can write to it. */

import { dirname } from 'node:path';
import { invalid } from '../../common/validation.ts';
import { codeOf, isMissing, type SpoolFiles } from '../format/file-system.ts';
import { DIRECTORY_MODE } from '../format/layout.ts';

const OPTION = 'spool.directory';
/** Anyone who can write here can make this process send arbitrary data. */
const WRITABLE_BY_OTHERS = 0o022;
/** The mode that Kubernetes gives all directories of a volume (`fsGroup`): group-writable, setgid, closed to others. */
const OPENED_TO_VOLUME_GROUP = 0o2020;
/** Errors that no retry can fix: a wrong directory, or wrong permissions. */
const MISTAKES = new Set(['EACCES', 'EPERM', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'ERR_INVALID_ARG_VALUE']);

/**
 * Creates the directory and its parents if they are missing. @returns the error of a failing disk, or undefined.
 * @throws SpillwayError ERR_SPILLWAY_OPTION if it is not a directory for this process alone.
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

export function makeDirectorySync(directory: string, files: SpoolFiles): void {
  try {
    // stat first: on a full or read-only disk, mkdir may not report EEXIST for an existing directory.
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

/** Without this, a service on such a volume would fail at its second start. */
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
