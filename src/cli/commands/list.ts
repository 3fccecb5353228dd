/** `spool list`: what is pending in a spool, whose, and how old it is. */

import { join } from 'node:path';
import { messageOf } from '../../common/errors.ts';
import { noSeverities, SEVERITY_RANGES, type SeverityCounts } from '../../common/severity-counts.ts';
import { nodeFiles } from '../../spool/format/file-system.ts';
import { DAMAGED_NAME } from '../../spool/format/names.ts';
import { type Command, parseCommand } from '../console/command.ts';
import type { LineWriter } from '../console/output.ts';
import type { ExitCode } from '../console/problem.ts';
import { bytesText, counted, durationText, isoTime, plain, severitiesText } from '../console/words.ts';
import { Findings } from '../reading/findings.ts';
import { ownerText } from '../reading/partition-holders.ts';
import { recordsOf } from '../reading/remaining-records.ts';
import type { StoredBatch } from '../reading/segment-contents.ts';
import { type ShelfContents, segmentsOf, shelvesIn } from '../reading/spool-contents.ts';

export const listCommand: Command = {
  synopsis: '<directory> [--json]',
  summary: 'tells what is pending, whose, and how old',
  details: `Lists the shelves of a spool, one for each process that wrote to it. A shelf is 'held' when there is a
lease in it, of a process that lives or was killed: one look cannot tell. Others are 'free', and
taken over by whoever comes. Batches and records are those that are not delivered yet.

  --json  one JSON object`,
  run,
};

/** What is pending. */
interface Stock {
  segments: number;
  batches: number;
  records: number;
  severities: number[];
  /** Of all files, with what is done with and not removed yet. */
  bytes: number;
  oldestUnixMillis: number | undefined;
  newestUnixMillis: number | undefined;
}

async function run(args: readonly string[], output: LineWriter): Promise<ExitCode> {
  const { directory, values } = parseCommand(args, { json: { type: 'boolean' } });
  const findings = new Findings();
  const total = noStock();
  const shelves: { shelf: ShelfContents; stock: Stock }[] = [];
  for (const shelf of await shelvesIn(directory, findings)) {
    const stock = noStock();
    for await (const segment of segmentsOf(directory, shelf, findings)) {
      stock.segments++;
      stock.bytes += segment.bytes + segment.ackBytes;
      for (const batch of segment.batches()) {
        if (batch.pending > 0) addBatch(stock, batch, await severitiesOf(batch, findings));
      }
    }
    shelves.push({ shelf, stock });
    addStock(total, stock);
  }
  const damaged = await damagedIn(directory);
  if (values.json) {
    const json = {
      directory,
      shelves: shelves.map(({ shelf, stock }) => jsonOf(shelf, stock)),
      total: jsonOfStock(total),
      damaged,
    };
    await output.line(JSON.stringify(json, undefined, 2));
    return findings.exitCode;
  }
  for (const { shelf, stock } of shelves) {
    await output.line(headline(shelf));
    await output.line(linesOf(stock).join('\n'));
  }
  const [first, ...others] = linesOf(total);
  await output.line([`total, ${counted(shelves.length, 'shelf', 'shelves')}`, first, ...others].join('\n'));
  if (damaged.files > 0) {
    const files = counted(damaged.files, 'file');
    await output.line(`set aside as damaged: ${files}, ${bytesText(damaged.bytes)}`);
  }
  return findings.exitCode;
}

function noStock(): Stock {
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

function addBatch(stock: Stock, batch: StoredBatch, severities: SeverityCounts): void {
  addStock(stock, {
    segments: 0,
    batches: 1,
    records: batch.pending,
    severities: [...severities],
    bytes: 0,
    oldestUnixMillis: batch.openedAtUnixMillis,
    newestUnixMillis: batch.openedAtUnixMillis,
  });
}

function addStock(sum: Stock, more: Stock): void {
  sum.segments += more.segments;
  sum.batches += more.batches;
  sum.records += more.records;
  sum.severities = sum.severities.map((records, range) => records + (more.severities[range] ?? 0));
  sum.bytes += more.bytes;
  if (more.oldestUnixMillis === undefined || more.newestUnixMillis === undefined) return;
  sum.oldestUnixMillis = Math.min(sum.oldestUnixMillis ?? more.oldestUnixMillis, more.oldestUnixMillis);
  sum.newestUnixMillis = Math.max(sum.newestUnixMillis ?? more.newestUnixMillis, more.newestUnixMillis);
}

/** Of what is pending; only a batch that is partly done with has to be read for it. */
async function severitiesOf(batch: StoredBatch, findings: Findings): Promise<SeverityCounts> {
  if (batch.pending === batch.records) return batch.severities;
  const payload = await batch.read();
  try {
    return payload === undefined ? noSeverities() : recordsOf(payload, batch.remaining).severities();
  } catch (error) {
    findings.damage(batch.path, `batch ${batch.index} cannot be read: ${messageOf(error)}`);
    return noSeverities();
  }
}

async function damagedIn(directory: string): Promise<{ files: number; bytes: number }> {
  const path = join(directory, DAMAGED_NAME);
  const damaged = { files: 0, bytes: 0 };
  for (const name of await nodeFiles.readdir(path).catch(() => [])) {
    const stat = await nodeFiles.stat(join(path, name)).catch(() => undefined);
    damaged.files++;
    damaged.bytes += stat?.size ?? 0;
  }
  return damaged;
}

function headline({ name, isHeld, owner, isNewer }: ShelfContents): string {
  if (isNewer) return plain(`${name}  of a newer version of otel-spillway`);
  if (!isHeld) return `${name}  free`;
  return plain(`${name}  held by ${ownerText(owner)}${owner ? `, since ${owner.since}` : ''}`);
}

function linesOf(stock: Stock): string[] {
  const { segments, batches, records, bytes, severities, oldestUnixMillis, newestUnixMillis } = stock;
  const what = [counted(records, 'record'), counted(batches, 'batch'), counted(segments, 'segment')];
  const lines = [`  ${what.join(', ')}, ${bytesText(bytes)}`];
  if (oldestUnixMillis === undefined || newestUnixMillis === undefined) return lines;
  const age = durationText(Date.now() - oldestUnixMillis);
  lines.push(`  oldest ${isoTime(oldestUnixMillis)} (${age} ago), newest ${isoTime(newestUnixMillis)}`);
  lines.push(`  ${severitiesText(severities)}`);
  return lines;
}

function jsonOf({ name, isHeld, owner, isNewer }: ShelfContents, stock: Stock): object {
  const { pid, host, since, leaseMillis, format } = owner ?? {};
  return {
    shelf: name,
    state: isHeld ? 'held' : 'free',
    ...(isNewer && { newerFormat: format }),
    ...(owner !== undefined && { owner: { pid, host, since, leaseMillis } }),
    ...jsonOfStock(stock),
  };
}

function jsonOfStock({ severities, oldestUnixMillis, newestUnixMillis, ...counts }: Stock): object {
  return {
    ...counts,
    severities: Object.fromEntries(SEVERITY_RANGES.map((name, range) => [name, severities[range]])),
    ...(oldestUnixMillis !== undefined && { oldest: isoTime(oldestUnixMillis) }),
    ...(newestUnixMillis !== undefined && { newest: isoTime(newestUnixMillis) }),
  };
}
