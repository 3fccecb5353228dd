/** Spools as processes leave them behind, made by the library itself, and what is done to them. */

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SpoolOptions } from '../../src/index.ts';
import type { record } from './records.ts';
import { SpoolMember } from './spool-member.ts';
import { SpooledHarness } from './spooled-harness.ts';

/** DEBUG, INFO, WARN, ERROR in turn. */
const SEVERITIES = [5, 9, 13, 17];

export interface Shape {
  /** Default 30, in batches of ten. */
  readonly records?: number;
  /** The first body; bodies are numbers. */
  readonly from?: number;
  readonly fields?: Parameters<typeof record>[0];
  readonly spool?: Partial<SpoolOptions>;
  /** Another that has its directory. */
  readonly beside?: SpooledHarness;
}

function filled({ records = 30, from = 0, fields, spool, beside }: Shape): SpooledHarness {
  const process = new SpooledHarness(
    { maxQueueSize: 100_000, exportTimeoutMillis: 0, ...(spool !== undefined && { spool }) },
    ['hang'],
    beside,
  );
  for (let number = from; number < from + records; number++) {
    process.emit(1, { body: number, severityNumber: SEVERITIES[number % 4], ...fields });
  }
  return process;
}

/** The directory of a process that has shut down. */
export async function abandonedSpool(shape: Shape = {}): Promise<string> {
  const process = filled(shape);
  await process.shutdown({ strategy: 'immediate' });
  return process.directory;
}

/** A process that was killed, as far as others can tell: its lease is there, and no hand will ever touch it. */
export async function killedProcess(shape: Shape = {}): Promise<SpooledHarness> {
  const process = filled({ ...shape, spool: { mode: 'always', leaseMillis: 1_000, ...shape.spool } });
  await process.advance(1_100);
  return process;
}

/** Has the first batch of a spool that nobody holds settled in part, by a process that then ends. */
export async function settleIn(directory: string, first: number, records: number): Promise<void> {
  const member = await SpoolMember.open(directory);
  const entry = member.spool.next();
  if (entry === undefined) throw new Error('there is nothing to settle');
  member.spool.settle(entry, first, records);
  member.spool.requeue(entry);
  await member.close();
}

/** The paths of all files below, in order. */
export function filesIn(directory: string, ending = ''): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Everything that could tell of a change: names, times and contents. */
export function stateOf(directory: string): unknown[] {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return ['', ...paths].map((path) => {
    const stat = statSync(join(directory, path));
    const content = stat.isFile() ? readFileSync(join(directory, path), 'base64') : undefined;
    return { path, mode: stat.mode, mtime: stat.mtimeMs, ctime: stat.ctimeMs, content };
  });
}

/** Turns a byte of a file into another one. @param at from the end when negative. */
export function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] as number) ^ 0xff;
  writeFileSync(path, bytes);
}
