/** `spool list`: shows what is pending in a spool, its owners and its age. */

import { join } from 'node:path';
import { messageOf } from '../../common/errors.ts';
import { noSeverities, SEVERITY_RANGES, type SeverityCounts } from '../../common/severity-counts.ts';
import { visible, visibleJson } from '../../common/visible-text.ts';
import { nodeFiles } from '../../spool/format/file-system.ts';
import { QUARANTINE_NAME } from '../../spool/format/layout.ts';
import { type Command, parseCommand } from '../console/command.ts';
import type { ExitCode, LineWriter } from '../console/output.ts';
import { bytesText, counted, durationText, isoTime, severitiesText } from '../console/words.ts';
import { Findings } from '../reading/findings.ts';
import { remainingRecordsOf, type StoredBatch } from '../reading/segment-contents.ts';
import { ownerText, type PartitionContents, partitionsIn, segmentsOf } from '../reading/spool-contents.ts';

export const listCommand: Command = {
  synopsis: '<directory> [--json]',
  summary: 'tells what is pending, whose, and how old',
  details: `Lists the partitions of a spool, one for each process that wrote to it. A partition is 'held' when there is a
lease in it, of a process that lives or was killed: one look cannot tell. Others are 'free', and
taken over by whoever comes. Batches and records are those that are not delivered yet.

  --json  one JSON object`,
  run,
};

interface Pending {
  segments: number;
  batches: number;
  records: number;
  severities: number[];
  /** Of all files, including settled records that are not removed yet. */
  bytes: number;
  oldestUnixMillis: number | undefined;
  newestUnixMillis: number | undefined;
}

async function run(args: readonly string[], output: LineWriter): Promise<ExitCode> {
  const { directory, values } = parseCommand(args, { json: { type: 'boolean' } });
  const findings = new Findings();
  const total = nothingPending();
  const partitions: { partition: PartitionContents; pending: Pending }[] = [];
  for (const partition of await partitionsIn(directory, findings)) {
    const pending = nothingPending();
    for await (const segment of segmentsOf(directory, partition, findings)) {
      pending.segments++;
      pending.bytes += segment.bytes + segment.ackBytes;
      for (const batch of segment.batches()) {
        if (batch.pending > 0) addBatch(pending, batch, await severitiesOf(batch, findings));
      }
    }
    partitions.push({ partition, pending });
    addPending(total, pending);
  }
  const quarantined = await quarantinedIn(directory);
  if (values.json) {
    const json = {
      directory,
      partitions: partitions.map(({ partition, pending }) => jsonOf(partition, pending)),
      total: jsonOfPending(total),
      quarantined,
    };
    await output.line(visibleJson(json, 2));
    return findings.exitCode;
  }
  for (const { partition, pending } of partitions) {
    await output.line(headline(partition));
    await output.line(linesOf(pending).join('\n'));
  }
  const [first, ...others] = linesOf(total);
  await output.line(
    [`total, ${counted(partitions.length, 'partition', 'partitions')}`, first, ...others].join('\n'),
  );
  if (quarantined.files > 0) {
    const files = counted(quarantined.files, 'file');
    await output.line(`in quarantine: ${files}, ${bytesText(quarantined.bytes)}`);
  }
  return findings.exitCode;
}

function nothingPending(): Pending {
  return {
    segments: 0,
    batches: 0,
    records: 0,
    severities: noSeverities(),
    bytes: 0,
    oldestUnixMillis: undefined,
    newestUnixMillis: undefined,
  };
}

function addBatch(pending: Pending, batch: StoredBatch, severities: SeverityCounts): void {
  addPending(pending, {
    segments: 0,
    batches: 1,
    records: batch.pending,
    severities: [...severities],
    bytes: 0,
    oldestUnixMillis: batch.openedAtUnixMillis,
    newestUnixMillis: batch.openedAtUnixMillis,
  });
}

function addPending(sum: Pending, more: Pending): void {
  sum.segments += more.segments;
  sum.batches += more.batches;
  sum.records += more.records;
  sum.severities = sum.severities.map((records, range) => records + (more.severities[range] ?? 0));
  sum.bytes += more.bytes;
  if (more.oldestUnixMillis === undefined || more.newestUnixMillis === undefined) return;
  sum.oldestUnixMillis = Math.min(sum.oldestUnixMillis ?? more.oldestUnixMillis, more.oldestUnixMillis);
  sum.newestUnixMillis = Math.max(sum.newestUnixMillis ?? more.newestUnixMillis, more.newestUnixMillis);
}

/** Only partly settled batches must be read for the severities of their pending records. */
async function severitiesOf(batch: StoredBatch, findings: Findings): Promise<SeverityCounts> {
  if (batch.pending === batch.records) return batch.severities;
  const payload = await batch.read();
  try {
    return payload === undefined ? noSeverities() : remainingRecordsOf(payload, batch.remaining).severities();
  } catch (error) {
    findings.damage(batch.path, `batch ${batch.index} cannot be read: ${messageOf(error)}`);
    return noSeverities();
  }
}

async function quarantinedIn(directory: string): Promise<{ files: number; bytes: number }> {
  const path = join(directory, QUARANTINE_NAME);
  const quarantined = { files: 0, bytes: 0 };
  for (const name of await nodeFiles.readdir(path).catch(() => [])) {
    const stat = await nodeFiles.stat(join(path, name)).catch(() => undefined);
    quarantined.files++;
    quarantined.bytes += stat?.size ?? 0;
  }
  return quarantined;
}

function headline({ name, hasLease: isHeld, owner, isNewer }: PartitionContents): string {
  if (isNewer) return visible(`${name}  of a newer version of otel-spillway`);
  if (!isHeld) return `${name}  free`;
  return visible(`${name}  held by ${ownerText(owner)}${owner ? `, since ${owner.since}` : ''}`);
}

function linesOf(pending: Pending): string[] {
  const { segments, batches, records, bytes, severities, oldestUnixMillis, newestUnixMillis } = pending;
  const what = [counted(records, 'record'), counted(batches, 'batch'), counted(segments, 'segment')];
  const lines = [`  ${what.join(', ')}, ${bytesText(bytes)}`];
  if (oldestUnixMillis === undefined || newestUnixMillis === undefined) return lines;
  const age = durationText(Date.now() - oldestUnixMillis);
  lines.push(`  oldest ${isoTime(oldestUnixMillis)} (${age} ago), newest ${isoTime(newestUnixMillis)}`);
  lines.push(`  ${severitiesText(severities)}`);
  return lines;
}

function jsonOf({ name, hasLease: isHeld, owner, isNewer }: PartitionContents, pending: Pending): object {
  const { pid, host, since, leaseMillis, format } = owner ?? {};
  return {
    partition: name,
    state: isHeld ? 'held' : 'free',
    ...(isNewer && { newerFormat: format }),
    ...(owner !== undefined && { owner: { pid, host, since, leaseMillis } }),
    ...jsonOfPending(pending),
  };
}

function jsonOfPending({ severities, oldestUnixMillis, newestUnixMillis, ...counts }: Pending): object {
  return {
    ...counts,
    severities: Object.fromEntries(SEVERITY_RANGES.map((name, range) => [name, severities[range]])),
    ...(oldestUnixMillis !== undefined && { oldest: isoTime(oldestUnixMillis) }),
    ...(newestUnixMillis !== undefined && { newest: isoTime(newestUnixMillis) }),
  };
}
