/** One directory of segments that this process holds: how it is made, left to others, and removed. */

import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { SpoolSettings } from '../../options/spool-settings.ts';
import { codeOf, isMissing, type SpoolFiles } from '../format/file-system.ts';
import {
  ackName,
  DIRECTORY_MODE,
  FILE_MODE,
  GIVEN_UP_NAME,
  LEASE_NAME,
  movingName,
  NEW_LEASE_NAME,
  newId,
  segmentName,
  sequenceOf,
  shelfName,
} from '../format/names.ts';
import { makeDirectory, makeDirectorySync } from './directory-check.ts';
import { Lease } from './lease.ts';

/** What a shelf needs of its spool. */
export interface ShelfContext {
  readonly settings: Pick<SpoolSettings, 'directory' | 'leaseMillis' | 'fsync'>;
  readonly clock: Clock;
  readonly files: SpoolFiles;
}

let shelvesSoFar = 0;

export class Shelf {
  readonly name: string;
  readonly path: string;
  readonly lease: Lease;
  readonly isRecovered: boolean;
  /** When its oldest frame's oldest record was admitted; Infinity for one that this process fills itself. */
  bornAt = Number.POSITIVE_INFINITY;
  /** Among those of the same age. */
  readonly order = shelvesSoFar++;
  /** Another process has it. */
  isLost = false;
  readonly #files: SpoolFiles;
  #segments = 0;

  constructor(id: string, isRecovered: boolean, { settings, clock, files }: ShelfContext) {
    this.name = shelfName(id);
    this.path = join(settings.directory, this.name);
    this.isRecovered = isRecovered;
    this.lease = new Lease(this.path, settings.leaseMillis, clock, files);
    this.#files = files;
  }

  /** The number of the next segment. */
  takeSequence(): number {
    return ++this.#segments;
  }

  segmentPath(sequence: number): string {
    return join(this.path, segmentName(sequence));
  }

  ackPath(sequence: number): string {
    return join(this.path, ackName(sequence));
  }

  /** Leaves it to whoever comes. @throws what the file system does. */
  async giveUp(): Promise<void> {
    // Renamed rather than deleted: a disk that is full must have room for the lease of the next owner.
    await this.#files.rename(join(this.path, LEASE_NAME), join(this.path, GIVEN_UP_NAME));
  }

  giveUpSync(): void {
    this.#files.renameSync(join(this.path, LEASE_NAME), join(this.path, GIVEN_UP_NAME));
  }

  /** Removes it and the lease; it must have no segments. What else is in it stays, and so does it then. */
  async remove(): Promise<void> {
    await removeShelf(this.path, this.#files);
  }

  removeSync(): void {
    this.#files.unlinkSync(join(this.path, LEASE_NAME));
    this.#files.rmdirSync(this.path);
  }
}

/** A new shelf. @throws what the file system does. */
export async function makeShelf(context: ShelfContext): Promise<Shelf> {
  const { settings, clock, files } = context;
  const id = newId(clock);
  const shelf = new Shelf(id, false, context);
  const temporary = join(settings.directory, movingName(id));
  try {
    await files.mkdir(temporary, DIRECTORY_MODE);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await makeDirectory(settings.directory, files);
    await files.mkdir(temporary, DIRECTORY_MODE);
  }
  try {
    shelf.lease.started();
    await writeFile(join(temporary, LEASE_NAME), 'wx', shelf.lease.bytes, files);
    await files.rename(temporary, shelf.path);
    if (settings.fsync !== 'never') await files.syncDirectory(settings.directory);
  } catch (error) {
    await removeShelf(temporary, files);
    await removeShelf(shelf.path, files);
    throw error;
  }
  return shelf;
}

/** The same at once. */
export function makeShelfSync(context: ShelfContext): Shelf {
  const { settings, clock, files } = context;
  const id = newId(clock);
  const shelf = new Shelf(id, false, context);
  const temporary = join(settings.directory, movingName(id));
  try {
    files.mkdirSync(temporary, DIRECTORY_MODE);
  } catch (error) {
    if (!isMissing(error)) throw error;
    makeDirectorySync(settings.directory, files);
    files.mkdirSync(temporary, DIRECTORY_MODE);
  }
  shelf.lease.started();
  const fd = files.openSync(join(temporary, LEASE_NAME), 'wx', FILE_MODE);
  try {
    const { bytes } = shelf.lease;
    for (let done = 0; done < bytes.length; ) done += files.writeSync(fd, bytes.subarray(done), done);
  } finally {
    files.closeSync(fd);
  }
  files.renameSync(temporary, shelf.path);
  if (settings.fsync !== 'never') files.syncDirectorySync(settings.directory);
  return shelf;
}

/** Puts a lease where there is, or was, another's. @throws what the file system does. */
export async function replaceLease(directory: string, lease: Lease, files: SpoolFiles): Promise<void> {
  const path = join(directory, LEASE_NAME);
  const givenUp = join(directory, GIVEN_UP_NAME);
  lease.started();
  try {
    await writeFile(givenUp, 'r+', lease.bytes, files);
    await renameOver(givenUp, path, files);
    return;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    const temporary = join(directory, NEW_LEASE_NAME);
    await writeFile(temporary, 'w', lease.bytes, files);
    await renameOver(temporary, path, files);
  } catch (error) {
    // A full disk is no reason to leave what would make room on it. An owner that wakes up can only spoil the lease.
    if (codeOf(error) !== 'ENOSPC' && codeOf(error) !== 'EDQUOT') throw error;
    await writeFile(path, 'r+', lease.bytes, files);
  }
}

/** Removes a shelf that has no segments, with what belongs to none. Never rejects. */
export async function removeShelf(path: string, files: SpoolFiles): Promise<void> {
  const names = await files.readdir(path).catch((): string[] => []);
  if (names.some((name) => sequenceOf(name) !== undefined)) return;
  const rubbish = names.filter(
    (name) => name.endsWith('.ack') || [LEASE_NAME, GIVEN_UP_NAME, NEW_LEASE_NAME].includes(name),
  );
  for (const name of rubbish) await files.unlink(join(path, name)).catch(() => {});
  await files.rmdir(path).catch(() => {});
}

async function writeFile(path: string, flags: string, bytes: Buffer, files: SpoolFiles): Promise<void> {
  const fd = await files.open(path, flags, FILE_MODE);
  try {
    for (let done = 0; done < bytes.length; ) {
      done += await files.writev(fd, [bytes.subarray(done)], done);
    }
  } finally {
    await files.close(fd);
  }
}

/** Whatever is there: something that is not a file cannot be a lease. */
async function renameOver(from: string, to: string, files: SpoolFiles): Promise<void> {
  try {
    await files.rename(from, to);
  } catch (error) {
    if (!['EISDIR', 'ENOTEMPTY', 'EEXIST', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
    await files.rmdir(to);
    await files.rename(from, to);
  }
}
