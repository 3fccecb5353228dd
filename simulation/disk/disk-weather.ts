/** What may be wrong with a simulated disk, and which calls it is felt by. */

import type { ErrorCode } from './disk-error.ts';

/** The name of a call, of both kinds: `unlink` is `unlinkSync` too, and `write` is `writev` and `writeSync`. */
export type Call =
  | 'mkdir'
  | 'readdir'
  | 'stat'
  | 'access'
  | 'chmod'
  | 'readFile'
  | 'rename'
  | 'unlink'
  | 'rmdir'
  | 'syncDirectory'
  | 'open'
  | 'close'
  | 'read'
  | 'write'
  | 'datasync';

/** Plain data; what is left out is as it should be. */
export interface DiskWeather {
  /** What a call takes, give or take half of it by chance; default 0.1. 0 is answered in the same turn. */
  readonly latencyMillis?: number;
  /** What a sync takes in its place; default 2. */
  readonly syncMillis?: number;
  /** No call ends before this time of the disk's clock. Infinity: until the weather changes. */
  readonly hangsUntilMillis?: number;
  readonly failing?: Failure;
  /** How much it holds besides what is on it when this weather begins; default Infinity. */
  readonly freeBytes?: number;
  /** The share of reads and writes that do less than they were asked to; default 0. */
  readonly shortShare?: number;
  /** The share of writes of several buffers that end behind one of them, whereupon the next call says why: EIO. Default 0. */
  readonly tornShare?: number;
}

interface Failure {
  /** Such as EIO, ENOSPC, EROFS, EMFILE: each fails those calls that it fails in reality. */
  readonly code: ErrorCode;
  /** Of these calls only. */
  readonly calls?: readonly Call[];
  /** The share of them; default 1. */
  readonly share?: number;
}

const GROWING: readonly Call[] = ['mkdir', 'write', 'datasync'];
const CHANGING: readonly Call[] = ['mkdir', 'access', 'chmod', 'rename', 'unlink', 'rmdir', 'write'];
const OPENING: readonly Call[] = ['open', 'readdir', 'readFile', 'syncDirectory'];
const NAMING: readonly Call[] = [...OPENING, 'mkdir', 'stat', 'access', 'chmod', 'rename', 'unlink', 'rmdir'];

/** Where a code can come from; one that is not here from anywhere but `close`. */
const FAILS: Readonly<Partial<Record<ErrorCode, readonly Call[]>>> = {
  ENOSPC: GROWING,
  EDQUOT: GROWING,
  EROFS: CHANGING,
  EMFILE: OPENING,
  ENFILE: OPENING,
  EACCES: NAMING,
  EPERM: NAMING,
};
/** Opening fails by these only where it is for writing. */
const OF_WRITERS: readonly ErrorCode[] = ['ENOSPC', 'EDQUOT', 'EROFS'];

/** @param isForWriting of a file that is opened: whether it is opened to be changed. */
export function canFail(code: ErrorCode, call: Call, isForWriting: boolean): boolean {
  if (call === 'close') return false;
  if (call === 'open' && OF_WRITERS.includes(code)) return isForWriting;
  return FAILS[code]?.includes(call) ?? true;
}

/** The system call that fails in a call, by Node's name for it. */
export function systemCallOf(call: Call): string {
  switch (call) {
    case 'readdir':
      return 'scandir';
    case 'readFile':
    case 'syncDirectory':
      return 'open';
    case 'datasync':
      return 'fdatasync';
    default:
      return call;
  }
}
