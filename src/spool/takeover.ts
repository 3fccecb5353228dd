/** Takes over a shelf that nobody holds, and finds what is in it. */

import { join } from 'node:path';
import type { SpoolListener } from './format/entry.ts';
import { isMissing, reasonOf } from './format/file-system.ts';
import { acksIn, frameField } from './format/layout.ts';
import { movingName, newId, newSalt, sequenceOf } from './format/names.ts';
import { type FoundFrame, readSegmentHeader, SegmentScan } from './format/segment-scan.ts';
import { isSameLease, type LeftShelf, readLease } from './ownership/orphan-scanner.ts';
import { removeShelf, replaceLease, Shelf, type ShelfContext } from './ownership/partition.ts';
import { Segment } from './segments/segment.ts';

export interface AdoptionContext extends ShelfContext {
  readonly listener: Pick<SpoolListener, 'warn'>;
}

/** What a look into a shelf says of taking it over. */
type Prospect = 'worthwhile' | 'empty' | 'newer';

/**
 * Undefined when there is nothing in it, another was faster, its owner lives, or it is of a newer version.
 * @throws what the file system does.
 */
export async function adoptShelf(left: LeftShelf, context: AdoptionContext): Promise<Shelf | undefined> {
  const { settings, clock, files, listener } = context;
  const path = join(settings.directory, left.name);
  const prospect = await lookInto(path, context);
  if (prospect === 'newer') {
    listener.warn(
      'spool version',
      'the spool holds records of a newer version of otel-spillway, which are left alone',
    );
    return undefined;
  }
  if (prospect === 'empty' && left.lease === undefined) {
    await removeShelf(path, files);
    return undefined;
  }
  const id = newId(clock);
  const taken = join(settings.directory, movingName(id));
  const shelf = new Shelf(id, true, context);
  try {
    await files.rename(path, taken);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const lease = await readLease(taken, files);
  if (lease === 'none' || !isSameLease(left.lease, lease)) {
    await files.rename(taken, path);
    return undefined;
  }
  if (prospect === 'empty') {
    await removeShelf(taken, files);
    return undefined;
  }
  try {
    await replaceLease(taken, shelf.lease, files);
  } catch (error) {
    await files.rename(taken, path).catch(() => {});
    throw error;
  }
  await files.rename(taken, shelf.path);
  return shelf;
}

/** The segments of a shelf that this process holds, with what is left in them. Damage is told of, and never thrown. */
export async function scanShelf(shelf: Shelf, context: AdoptionContext): Promise<Segment[]> {
  const { files, listener } = context;
  const names = await files.readdir(shelf.path);
  const sequences = names.flatMap((name) => sequenceOf(name) ?? []).toSorted((a, b) => a - b);
  const segments: Segment[] = [];
  for (const sequence of sequences) {
    try {
      const segment = await scanSegment(shelf, sequence, context);
      if (segment !== undefined) segments.push(segment);
    } catch (error) {
      listener.warn('spool damage', `a file of the spool cannot be read: ${reasonOf(error)}`);
    }
  }
  return segments;
}

async function lookInto(path: string, { files }: AdoptionContext): Promise<Prospect> {
  let prospect: Prospect = 'empty';
  for (const name of await files.readdir(path)) {
    if (sequenceOf(name) === undefined) continue;
    try {
      const { kind } = await readSegmentHeader(join(path, name), files);
      if (kind === 'newer') return 'newer';
      prospect = 'worthwhile';
    } catch {
      // Whoever takes the shelf over for something else in it will tell of it.
    }
  }
  return prospect;
}

async function scanSegment(
  shelf: Shelf,
  sequence: number,
  { clock, files, listener }: AdoptionContext,
): Promise<Segment | undefined> {
  const path = shelf.segmentPath(sequence);
  const { size } = await files.stat(path);
  const fd = await files.open(path, 'r', 0);
  const scan = new SegmentScan(fd, size, files);
  let segment: Segment | undefined;
  try {
    for await (const frame of scan.frames()) {
      segment ??= new Segment(shelf, sequence, frameField.salt(frame.header, 0));
      add(segment, frame);
    }
  } finally {
    await files.close(fd);
  }
  const { header, salt, damagedBytes } = scan.result;
  if (header.kind === 'newer') return undefined;
  segment ??= new Segment(shelf, sequence, salt ?? newSalt(clock));
  segment.bytes = size;
  segment.isComplete = true;
  if (damagedBytes > 0) {
    segment.isDamaged = true;
    listener.warn('spool damage', `${damagedBytes} bytes in the spool are damaged, with the records in them`);
  }
  await readAcks(segment, shelf.ackPath(sequence), files);
  return segment;
}

function add(segment: Segment, { header, offset }: FoundFrame): void {
  const { shelf } = segment;
  if (shelf.bornAt === Number.POSITIVE_INFINITY) shelf.bornAt = frameField.openedAtUnixMillis(header, 0);
  segment.found(header, offset);
}

async function readAcks(segment: Segment, path: string, files: ShelfContext['files']): Promise<void> {
  let bytes: Buffer;
  try {
    bytes = await files.readFile(path);
  } catch {
    // None, or none that can be read: what was settled is sent again.
    return;
  }
  segment.acks.exists(bytes.length);
  for (const { index, first, records } of acksIn(bytes, segment.salt)) {
    segment.acknowledged(index, first, records);
  }
}
