/** Contents of a spool's directory and who holds them, read without changing anything while others may write. */

import { hostname } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../common/clock.ts';
import { isDirectory, isMissing, nodeFiles, type SpoolFiles } from '../../spool/format/file-system.ts';
import {
  FORMAT_VERSION,
  isMovingName,
  isPartitionName,
  LEASE_NAME,
  QUARANTINE_NAME,
  segmentName,
  sequenceOf,
} from '../../spool/format/layout.ts';
import { type LeaseInfo, parseLease } from '../../spool/ownership/lease.ts';
import {
  type HolderState,
  LeaseObserver,
  type ObservedLease,
  readLease,
} from '../../spool/ownership/lease-observer.ts';
import { EXIT, fileProblem, Problem } from '../console/output.ts';
import { Findings } from './findings.ts';
import { SegmentContents, type StoredBatch } from './segment-contents.ts';

export interface PartitionContents {
  readonly name: string;
  /** Whether there is a lease: its owner lives, or was killed. */
  readonly hasLease: boolean;
  /** Undefined also if the lease cannot be parsed. */
  readonly owner: LeaseInfo | undefined;
  readonly isNewer: boolean;
  readonly sequences: readonly number[];
}

/** Entries that a file system creates. */
const OF_THE_FILE_SYSTEM = /^(\.|lost\+found$)/;
/** Limits the passes over a spool whose partitions keep being taken over. */
const MAX_PASSES = 3;

/** An empty directory is an empty spool. @throws Problem if there is no spool, or it cannot be read. */
export async function checkSpool(directory: string, files: SpoolFiles = nodeFiles): Promise<void> {
  let names: string[];
  try {
    names = await files.readdir(directory);
  } catch (error) {
    throw fileProblem(directory, error);
  }
  const isSpool = (name: string) => isPartitionName(name) || isMovingName(name) || name === QUARANTINE_NAME;
  if (names.some(isSpool) || names.every((name) => OF_THE_FILE_SYSTEM.test(name))) return;
  const isPartition = names.includes(LEASE_NAME) || names.some((name) => sequenceOf(name) !== undefined);
  const hint = isPartition ? 'this is a part of a spool: name the directory above it' : 'this is no spool';
  throw new Problem(EXIT.noSpool, `${directory}: ${hint}`);
}

/** Omits partitions that disappear. */
export async function partitionsIn(
  directory: string,
  findings: Findings,
  files: SpoolFiles = nodeFiles,
): Promise<PartitionContents[]> {
  await checkSpool(directory, files);
  const partitions: PartitionContents[] = [];
  for (const name of (await files.readdir(directory)).toSorted()) {
    if (!isPartitionName(name) && !isMovingName(name)) continue;
    try {
      if (!(await isDirectory(join(directory, name), files))) continue;
      const lease = await readLease(join(directory, name), files);
      if (lease === 'none') continue;
      const owner = lease && parseLease(lease);
      const names = await files.readdir(join(directory, name));
      const sequences = names.flatMap((one) => sequenceOf(one) ?? []).toSorted((a, b) => a - b);
      const isNewer = owner !== undefined && owner.format > FORMAT_VERSION;
      if (isNewer) findings.newer(name);
      partitions.push({
        name,
        hasLease: lease !== undefined,
        owner,
        isNewer,
        sequences: isNewer ? [] : sequences,
      });
    } catch (error) {
      if (!isMissing(error)) findings.unreadable(name, error);
    }
  }
  return partitions;
}

/** The segments in order; each is closed when the next one is requested. */
export async function* segmentsOf(
  directory: string,
  { name, sequences }: PartitionContents,
  findings: Findings,
  files: SpoolFiles = nodeFiles,
): AsyncGenerator<SegmentContents> {
  for (const sequence of sequences) {
    const path = `${name}/${segmentName(sequence).replace(/\.seg$/, '')}`;
    const segment = await SegmentContents.open(join(directory, path), path, files, findings);
    if (segment === undefined) continue;
    try {
      yield segment;
    } finally {
      await segment.close();
    }
  }
}

/**
 * All batches including settled ones: in order within a partition, and merged by age across partitions. A batch can be
 * read until the next one is requested.
 */
export async function* batchesByAge(
  directory: string,
  findings: Findings,
  files: SpoolFiles = nodeFiles,
): AsyncGenerator<StoredBatch> {
  const seen = new Set<string>();
  let isComplete = false;
  for (let pass = 1; pass <= MAX_PASSES && !isComplete; pass++) {
    const partitions = await partitionsIn(directory, findings, files);
    yield* merged(partitions.map((partition) => batchesOf(directory, partition, seen, findings, files)));
    // A partition taken over during the pass has a new name and the same segments.
    const names = new Set(await files.readdir(directory));
    isComplete = partitions.every(({ name }) => names.has(name));
  }
}

async function* merged(envelopes: readonly AsyncGenerator<StoredBatch>[]): AsyncGenerator<StoredBatch> {
  try {
    const heads = await Promise.all(envelopes.map((source) => source.next()));
    for (;;) {
      let oldest = -1;
      for (const [index, { done, value }] of heads.entries()) {
        if (done) continue;
        const best = heads[oldest]?.value as StoredBatch | undefined;
        if (best === undefined || value.openedAtUnixMillis < best.openedAtUnixMillis) oldest = index;
      }
      if (oldest < 0) return;
      yield heads[oldest]?.value as StoredBatch;
      heads[oldest] = (await envelopes[oldest]?.next()) as IteratorResult<StoredBatch>;
    }
  } finally {
    for (const source of envelopes) await source.return(undefined);
  }
}

/** @param seen identities of segments to skip. */
async function* batchesOf(
  directory: string,
  partition: PartitionContents,
  seen: Set<string>,
  findings: Findings,
  files: SpoolFiles,
): AsyncGenerator<StoredBatch> {
  for await (const segment of segmentsOf(directory, partition, findings, files)) {
    if (seen.has(segment.identity)) continue;
    seen.add(segment.identity);
    yield* segment.batches();
  }
}

export async function pendingByPartition(
  directory: string,
  files: SpoolFiles,
): Promise<Map<string, { readonly records: number; readonly isNewer: boolean }>> {
  const findings = new Findings(() => {});
  const pending = new Map<string, { records: number; isNewer: boolean }>();
  for (const partition of await partitionsIn(directory, findings, files)) {
    let records = 0;
    let { isNewer } = partition;
    for await (const segment of segmentsOf(directory, partition, findings, files)) {
      isNewer ||= segment.isNewer;
      for (const batch of segment.batches()) records += batch.pending;
    }
    pending.set(partition.name, { records, isNewer });
  }
  return pending;
}

export interface Holder extends Omit<ObservedLease, 'state'> {
  readonly state: HolderState | 'own';
}

/** Determines the holders of partitions by observing their leases. */
export class HolderObserver {
  readonly #directory: string;
  readonly #files: SpoolFiles;
  readonly #leases: LeaseObserver;

  constructor(directory: string, clock: Clock, files: SpoolFiles) {
    this.#directory = directory;
    this.#files = files;
    this.#leases = new LeaseObserver(directory, Number.NaN, clock, files);
  }

  async observe(): Promise<Holder[]> {
    const names = await this.#files.readdir(this.#directory);
    const leases = await this.#leases.observe(
      names.filter((name) => isPartitionName(name) || isMovingName(name)),
    );
    return leases.map((lease) => (isOwn(lease.info) ? { ...lease, state: 'own' } : lease));
  }
}

/** Pids recur, here and in every container; the combination with host name and start time does not. */
function isOwn(info: LeaseInfo | undefined): boolean {
  return (
    info?.pid === process.pid &&
    hostname()
      .replaceAll(/[^\w.-]/g, '_')
      .startsWith(String(info.host)) &&
    Date.parse(String(info.since)) >= Math.floor(performance.timeOrigin)
  );
}

export function ownerText(info: LeaseInfo | undefined): string {
  return info === undefined ? 'an unknown process' : `pid ${info.pid} on ${info.host}`;
}
