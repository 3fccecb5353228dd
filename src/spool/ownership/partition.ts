/** A partition is a directory of segments that this process owns; it is created, released and removed here. */

import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { SpoolSettings } from '../../options/option-groups.ts';
import {
  codeOf,
  isMissing,
  type SpoolFiles,
  unlinkIfThere,
  writeFully,
  writeFullySync,
} from '../format/file-system.ts';
import {
  ackName,
  DIRECTORY_MODE,
  FILE_MODE,
  LEASE_NAME,
  movingName,
  NEW_LEASE_NAME,
  newId,
  partitionName,
  RELEASED_LEASE_NAME,
  segmentName,
  sequenceOf,
} from '../format/layout.ts';
import { isForeign, type OpenFlags } from '../format/open-file.ts';
import { makeDirectory, makeDirectorySync } from './directory-check.ts';
import { Lease } from './lease.ts';

export interface PartitionContext {
  readonly settings: Pick<SpoolSettings, 'directory' | 'leaseMillis' | 'fsync'>;
  readonly clock: Clock;
  readonly files: SpoolFiles;
}

let partitionsSoFar = 0;

export class Partition {
  readonly name: string;
  readonly path: string;
  readonly lease: Lease;
  readonly isRecovered: boolean;
  /** Admission time of its oldest record in Unix milliseconds; Infinity for a partition that this process fills. */
  bornAt = Number.POSITIVE_INFINITY;
  /** Order of creation, for partitions of the same age. */
  readonly order = partitionsSoFar++;
  /** Whether all segments present at the takeover are known. */
  isScanned: boolean;
  /** Whether another process owns it, or it is gone. */
  isOwnershipLost = false;
  readonly #files: SpoolFiles;
  #segments = 0;

  constructor(id: string, isRecovered: boolean, { settings, clock, files }: PartitionContext) {
    this.name = partitionName(id);
    this.path = join(settings.directory, this.name);
    this.isRecovered = isRecovered;
    this.isScanned = !isRecovered;
    this.lease = new Lease(this.path, settings.leaseMillis, clock, files);
    this.#files = files;
  }

  takeSequence(): number {
    return ++this.#segments;
  }

  segmentPath(sequence: number): string {
    return join(this.path, segmentName(sequence));
  }

  ackPath(sequence: number): string {
    return join(this.path, ackName(sequence));
  }

  /** Releases the lease, so that the next process need not wait for its expiry. */
  async release(): Promise<void> {
    // Renamed, not deleted: on a full disk, the next owner reuses the file for its own lease.
    await this.#files.rename(join(this.path, LEASE_NAME), join(this.path, RELEASED_LEASE_NAME));
  }

  releaseSync(): void {
    this.#files.renameSync(join(this.path, LEASE_NAME), join(this.path, RELEASED_LEASE_NAME));
  }

  /** Removes the partition unless it contains segments or unknown files. Never rejects. */
  async remove(): Promise<void> {
    await removePartition(this.path, this.#files);
  }

  removeSync(): void {
    this.#files.unlinkSync(join(this.path, LEASE_NAME));
    this.#files.rmdirSync(this.path);
  }
}

export async function makePartition(context: PartitionContext): Promise<Partition> {
  const { settings, clock, files } = context;
  const id = newId(clock);
  const partition = new Partition(id, false, context);
  const temporary = join(settings.directory, movingName(id));
  try {
    await files.mkdir(temporary, DIRECTORY_MODE);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await makeDirectory(settings.directory, files);
    await files.mkdir(temporary, DIRECTORY_MODE);
  }
  try {
    partition.lease.started();
    await writeFile(join(temporary, LEASE_NAME), 'wx', partition.lease.bytes, files);
    await files.rename(temporary, partition.path);
    if (settings.fsync !== 'never') await files.syncDirectory(settings.directory);
  } catch (error) {
    await removePartition(temporary, files);
    await removePartition(partition.path, files);
    throw error;
  }
  return partition;
}

/** Synchronous {@link makePartition}. */
export function makePartitionSync(context: PartitionContext): Partition {
  const { settings, clock, files } = context;
  const id = newId(clock);
  const partition = new Partition(id, false, context);
  const temporary = join(settings.directory, movingName(id));
  try {
    files.mkdirSync(temporary, DIRECTORY_MODE);
  } catch (error) {
    if (!isMissing(error)) throw error;
    makeDirectorySync(settings.directory, files);
    files.mkdirSync(temporary, DIRECTORY_MODE);
  }
  partition.lease.started();
  const fd = files.openSync(join(temporary, LEASE_NAME), 'wx', FILE_MODE);
  try {
    writeFullySync(files, fd, partition.lease.bytes, 0);
  } finally {
    files.closeSync(fd);
  }
  files.renameSync(temporary, partition.path);
  if (settings.fsync !== 'never') files.syncDirectorySync(settings.directory);
  return partition;
}

/** Replaces the former owner's lease, released or not. */
export async function replaceLease(directory: string, lease: Lease, files: SpoolFiles): Promise<void> {
  const path = join(directory, LEASE_NAME);
  const released = join(directory, RELEASED_LEASE_NAME);
  lease.started();
  try {
    await writeFile(released, 'r+', lease.bytes, files);
    await renameOver(released, path, files);
    return;
  } catch (error) {
    if (!isMissing(error) && !isForeign(error)) throw error;
  }
  try {
    const temporary = join(directory, NEW_LEASE_NAME);
    await unlinkIfThere(files, temporary);
    await writeFile(temporary, 'wx', lease.bytes, files);
    await renameOver(temporary, path, files);
  } catch (error) {
    // In place: a takeover may free space on a full disk. A former owner that wakes up can only damage the lease.
    if (codeOf(error) !== 'ENOSPC' && codeOf(error) !== 'EDQUOT') throw error;
    await writeFile(path, 'r+', lease.bytes, files);
  }
}

/** Removes a partition without segments, including leases and stray acknowledgements. Never rejects. */
export async function removePartition(path: string, files: SpoolFiles): Promise<void> {
  const names = await files.readdir(path).catch((): string[] => []);
  if (names.some((name) => sequenceOf(name) !== undefined)) return;
  const rubbish = names.filter(
    (name) => name.endsWith('.ack') || [LEASE_NAME, RELEASED_LEASE_NAME, NEW_LEASE_NAME].includes(name),
  );
  for (const name of rubbish) await files.unlink(join(path, name)).catch(() => {});
  await files.rmdir(path).catch(() => {});
}

async function writeFile(path: string, flags: OpenFlags, bytes: Buffer, files: SpoolFiles): Promise<void> {
  const fd = await files.open(path, flags, FILE_MODE);
  try {
    await writeFully(files, fd, [bytes], 0);
  } finally {
    await files.close(fd);
  }
}

/** Replaces even a directory at `to`: it cannot be a lease. */
async function renameOver(from: string, to: string, files: SpoolFiles): Promise<void> {
  try {
    await files.rename(from, to);
  } catch (error) {
    if (!['EISDIR', 'ENOTEMPTY', 'EEXIST', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
    await files.rmdir(to);
    await files.rename(from, to);
  }
}
