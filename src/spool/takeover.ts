/** Takes over an orphaned partition and scans its segments. */

import { join } from 'node:path';
import { isTooLarge, readAcks } from './format/ack-reader.ts';
import type { SpoolListener } from './format/entry.ts';
import { isDirectory, isMissing, reasonOf } from './format/file-system.ts';
import { acksIn, frameField, movingName, newId, newSalt, sequenceOf } from './format/layout.ts';
import { SegmentReader } from './format/segment-reader.ts';
import { fenceSegments } from './ownership/fence.ts';
import { isSameLease, type OrphanedPartition, readLease } from './ownership/lease-observer.ts';
import { Partition, type PartitionContext, removePartition, replaceLease } from './ownership/partition.ts';
import { Segment } from './segments/segment.ts';

export interface TakeoverContext extends PartitionContext {
  readonly listener: Pick<SpoolListener, 'warn'>;
}

type Inspection = 'worthwhile' | 'empty' | 'newer';

/** @returns undefined if the partition is empty, alive, of a newer version, or another process was faster. */
export async function takeOverPartition(
  orphan: OrphanedPartition,
  context: TakeoverContext,
): Promise<Partition | undefined> {
  const { settings, clock, files, listener } = context;
  const path = join(settings.directory, orphan.name);
  const inspection = await inspect(path, context);
  if (inspection === 'newer') {
    warnOfNewer(listener);
    return undefined;
  }
  if (inspection === 'empty' && orphan.lease === undefined) {
    await removePartition(path, files);
    return undefined;
  }
  const id = newId(clock);
  const taken = join(settings.directory, movingName(id));
  const partition = new Partition(id, true, context);
  try {
    await files.rename(path, taken);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const lease = (await isDirectory(taken, files)) ? await readLease(taken, files) : 'none';
  if (lease === 'none' || !isSameLease(orphan.lease, lease)) {
    await files.rename(taken, path);
    return undefined;
  }
  if (inspection === 'empty') {
    await removePartition(taken, files);
    return undefined;
  }
  try {
    await replaceLease(taken, partition.lease, files);
  } catch (error) {
    await files.rename(taken, path).catch(() => {});
    throw error;
  }
  // The owner cannot regain it now. One that released its lease writes no more and needs no fence.
  if (orphan.lease !== undefined) await fenceSegments(taken, files);
  await files.rename(taken, partition.path);
  return partition;
}

export function warnOfNewer(listener: Pick<SpoolListener, 'warn'>): void {
  listener.warn(
    'spool version',
    'the spool holds records of a newer version of otel-spillway, which are left alone',
  );
}

/** Yields the segments of an owned partition in order, each once it is scanned. Damage is reported, never thrown. */
export async function* scanPartition(
  partition: Partition,
  context: TakeoverContext,
): AsyncGenerator<Segment> {
  const { files, listener } = context;
  const names = await files.readdir(partition.path);
  const sequences = names.flatMap((name) => sequenceOf(name) ?? []).toSorted((a, b) => a - b);
  for (const sequence of sequences) {
    try {
      const segment = await scanSegment(partition, sequence, context);
      if (segment !== undefined) yield segment;
    } catch (error) {
      listener.warn('spool damage', `a file of the spool cannot be read: ${reasonOf(error)}`);
    }
  }
}

async function inspect(path: string, { files }: TakeoverContext): Promise<Inspection> {
  let inspection: Inspection = 'empty';
  for (const name of await files.readdir(path)) {
    if (sequenceOf(name) === undefined) continue;
    try {
      const { kind } = await SegmentReader.during(join(path, name), files, (reader) => reader.header());
      if (kind === 'newer') return 'newer';
      inspection = 'worthwhile';
    } catch {
      // If another segment makes the partition worthwhile, `scanPartition` reports this one.
    }
  }
  return inspection;
}

async function scanSegment(
  partition: Partition,
  sequence: number,
  context: TakeoverContext,
): Promise<Segment | undefined> {
  const { clock, files, listener } = context;
  let segment: Segment | undefined;
  let bytes = 0;
  const { header, salt, damagedBytes } = await SegmentReader.during(
    partition.segmentPath(sequence),
    files,
    async (reader) => {
      bytes = await reader.bytes();
      return await reader.scan(bytes, (frame, offset) => {
        segment ??= new Segment(partition, sequence, frameField.salt(frame, 0));
        addFrame(segment, frame, offset);
      });
    },
  );
  if (header.kind === 'newer') return undefined;
  segment ??= new Segment(partition, sequence, salt ?? newSalt(clock));
  segment.bytes = bytes;
  segment.isComplete = true;
  if (damagedBytes > 0) {
    segment.isDamaged = true;
    listener.warn('spool damage', `${damagedBytes} bytes in the spool are damaged, with the records in them`);
  }
  await applyAcks(segment, context);
  return segment;
}

function addFrame(segment: Segment, header: Buffer, offset: number): void {
  const { partition } = segment;
  if (partition.bornAt === Number.POSITIVE_INFINITY)
    partition.bornAt = frameField.openedAtUnixMillis(header, 0);
  segment.found(header, offset);
}

async function applyAcks(segment: Segment, { files, listener }: TakeoverContext): Promise<void> {
  let bytes: number;
  try {
    bytes = await readAcks(segment.ackPath, segment.bytes, files, (acks) => {
      for (const { index, first, records } of acksIn(acks, segment.salt)) {
        segment.acknowledged(index, first, records);
      }
    });
  } catch (error) {
    // Missing or unreadable: settled records are sent again.
    if (!isTooLarge(error)) return;
    listener.warn('spool damage', 'a file of the spool is too large to be one of acknowledgements: deleted');
    await files.unlink(segment.ackPath).catch(() => {});
    return;
  }
  segment.acks.exists(bytes);
}
