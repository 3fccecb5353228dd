/** `spool show`: prints the records of a spool as JSON, one per line. */

import { messageOf } from '../../common/errors.ts';
import { SEVERITY_RANGES, severityRange } from '../../common/severity-counts.ts';
import { visibleJson } from '../../common/visible-text.ts';
import type { RecordRange } from '../../spool/format/entry.ts';
import { type Command, numberValue, parseCommand, usageProblem } from '../console/command.ts';
import type { ExitCode, LineWriter } from '../console/output.ts';
import { Findings } from '../reading/findings.ts';
import { requestToJson } from '../reading/otlp-json.ts';
import type { StoredBatch } from '../reading/segment-contents.ts';
import { batchesByAge } from '../reading/spool-contents.ts';

const HIGHEST_SEVERITY = 24;

export const showCommand: Command = {
  synopsis: '<directory> [--limit N] [--severity NAME|NUMBER] [--all]',
  summary: 'prints the records as JSON, one a line',
  details: `Prints what is not delivered yet, the oldest batch first, with the field names of OTLP/JSON. Each record
has its scope and its resource with it.

  --limit N        N records at most
  --severity NAME  at least this severity: TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or a number to 24
  --all            also what is delivered and has not been removed yet, marked "settled": true`,
  run,
};

async function run(args: readonly string[], output: LineWriter): Promise<ExitCode> {
  const { directory, values } = parseCommand(args, {
    limit: { type: 'string' },
    severity: { type: 'string' },
    all: { type: 'boolean' },
  });
  let left = numberValue(values.limit, 'limit', 0, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY;
  const minSeverity = severityValue(values.severity);
  const findings = new Findings();
  for await (const batch of batchesByAge(directory, findings)) {
    if (left < 1) break;
    if (!(values.all || batch.pending > 0) || !mayHave(batch, minSeverity)) continue;
    const payload = await batch.read();
    if (payload === undefined) continue;
    for (const { record, isSettled } of recordsIn(batch, payload, findings)) {
      if (isSettled && !values.all) continue;
      if (minSeverity > 0 && !(Number(record.severityNumber) >= minSeverity)) continue;
      await output.line(visibleJson(isSettled ? { ...record, settled: true } : record));
      if (--left < 1) break;
    }
  }
  return findings.exitCode;
}

/** May be true for others: records are counted by range of severity numbers. */
function mayHave({ severities }: StoredBatch, minSeverity: number): boolean {
  return minSeverity === 0 || severities.slice(severityRange(minSeverity)).some((records) => records > 0);
}

interface ShownRecord {
  readonly record: Readonly<Record<string, unknown>>;
  readonly isSettled: boolean;
}

function* recordsIn(batch: StoredBatch, payload: Buffer, findings: Findings): Generator<ShownRecord> {
  let request: ReturnType<typeof requestToJson>;
  try {
    request = requestToJson(payload);
  } catch (error) {
    findings.damage(batch.path, `batch ${batch.index} cannot be read: ${messageOf(error)}`);
    return;
  }
  let position = 0;
  for (const { resource, schemaUrl: resourceSchemaUrl, scopeLogs } of request.resourceLogs) {
    for (const { scope, schemaUrl: scopeSchemaUrl, logRecords } of scopeLogs) {
      for (const record of logRecords) {
        yield {
          record: { ...record, scope, scopeSchemaUrl, resource, resourceSchemaUrl },
          isSettled: !isIn(batch.remaining, position++),
        };
      }
    }
  }
}

function isIn(ranges: readonly RecordRange[], position: number): boolean {
  return ranges.some(([first, records]) => position >= first && position < first + records);
}

/** @returns the number, or the lowest of a named range; 0 for any. @throws Problem. */
function severityValue(text: string | undefined): number {
  if (text === undefined) return 0;
  const range = SEVERITY_RANGES.indexOf(text.toUpperCase() as (typeof SEVERITY_RANGES)[number]);
  if (range > 0) return (range - 1) * 4 + 1;
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= HIGHEST_SEVERITY) return number;
  const names = SEVERITY_RANGES.slice(1).join(', ');
  throw usageProblem(
    `--severity is one of ${names}, or a number from 1 to ${HIGHEST_SEVERITY}, not '${text}'`,
  );
}
