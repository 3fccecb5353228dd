/** `spool export`: writes pending records as OTLP/JSON lines that the Collector can read. */

import { messageOf } from '../../common/errors.ts';
import { type Command, parseCommand, usageProblem } from '../console/command.ts';
import { createFile, type ExitCode, type LineWriter, tell } from '../console/output.ts';
import { bytesText, counted } from '../console/words.ts';
import { Findings } from '../reading/findings.ts';
import { jsonLines } from '../reading/otlp-json.ts';
import { remainingRecordsOf } from '../reading/segment-contents.ts';
import { batchesByAge, checkSpool } from '../reading/spool-contents.ts';

/** Default limit of the Collector's otlpjsonfile receiver, which cuts off longer lines. */
const MAX_LINE_BYTES = 1024 * 1024 - 1;

export const exportCommand: Command = {
  synopsis: '<directory> [--output FILE]',
  summary: 'writes what is pending as OTLP/JSON lines; removes nothing',
  details: `Writes what is not delivered yet in the format of the OpenTelemetry file exporter: requests as
OTLP/JSON, one a line, each below 1 MiB unless a single record is larger. The receiver 'otlpjsonfile'
of the Collector takes it in. The spool stays as it is, and what is in it is still delivered.

  --output FILE  a new file; - or nothing: standard output`,
  run,
};

async function run(args: readonly string[], standardOutput: LineWriter): Promise<ExitCode> {
  const { directory, values } = parseCommand(args, { output: { type: 'string' } });
  if (values.output === '') throw usageProblem('the name of the output is empty');
  await checkSpool(directory);
  const isFile = values.output !== undefined && values.output !== '-';
  const output = isFile ? await createFile(values.output as string) : standardOutput;
  const findings = new Findings();
  let records = 0;
  let longest = 0;
  for await (const batch of batchesByAge(directory, findings)) {
    if (batch.pending === 0) continue;
    const payload = await batch.read();
    if (payload === undefined) continue;
    try {
      const isWhole = batch.pending === batch.records;
      const request = isWhole ? payload : remainingRecordsOf(payload, batch.remaining).toRequest();
      for (const line of jsonLines(request, MAX_LINE_BYTES)) {
        await output.line(line.text);
        records += line.records;
        longest = Math.max(longest, line.bytes);
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      findings.damage(batch.path, `batch ${batch.index} cannot be read: ${messageOf(error)}`);
    }
  }
  if (isFile) await output.end();
  else await output.flush();
  tell(`${counted(records, 'record')} exported`);
  if (longest > MAX_LINE_BYTES) {
    tell(`the longest line has ${bytesText(longest)}: set max_log_size of the receiver accordingly`);
  }
  return findings.exitCode;
}
