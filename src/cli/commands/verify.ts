/** `spool verify`: reads every byte of a spool and reports damage. */

import { messageOf } from '../../common/errors.ts';
import { visible } from '../../common/visible-text.ts';
import { type Command, parseCommand } from '../console/command.ts';
import { EXIT, type ExitCode, type LineWriter } from '../console/output.ts';
import { bytesText, counted } from '../console/words.ts';
import { type Finding, Findings } from '../reading/findings.ts';
import { remainingRecordsOf, type StoredBatch } from '../reading/segment-contents.ts';
import { partitionsIn, segmentsOf } from '../reading/spool-contents.ts';

export const verifyCommand: Command = {
  synopsis: '<directory>',
  summary: 'reads everything, and tells what is damaged',
  details: `Checks the headers and checksums of all files, and that each batch is what its header says. A write that
has not come to its end is no damage: it is under way, or the process that wrote was killed in it.
Exit code 0 when there is no damage, 2 when there is, 77 when something could not be read.`,
  run,
};

const VERDICTS: Partial<Record<ExitCode, string>> = {
  [EXIT.done]: 'no damage',
  [EXIT.damaged]: 'damage was found',
  [EXIT.unreadable]: 'not everything could be read',
};

async function run(args: readonly string[], output: LineWriter): Promise<ExitCode> {
  const { directory } = parseCommand(args, {});
  const lines: string[] = [];
  const findings = new Findings((finding) => lines.push(lineFor(finding)));
  const say = async () => {
    for (const line of lines.splice(0)) await output.line(line);
  };
  const partitions = await partitionsIn(directory, findings);
  let segments = 0;
  let batches = 0;
  let bytes = 0;
  for (const partition of partitions) {
    for await (const segment of segmentsOf(directory, partition, findings)) {
      segments++;
      bytes += segment.bytes + segment.ackBytes;
      for (const batch of segment.batches()) {
        batches++;
        await check(batch, findings);
        await say();
      }
    }
    await say();
  }
  const what = [
    counted(partitions.length, 'partition', 'partitions'),
    counted(segments, 'segment'),
    counted(batches, 'batch'),
    bytesText(bytes),
  ];
  const verdict = VERDICTS[findings.exitCode];
  await output.line(`${what.join(', ')}: ${verdict}`);
  return findings.exitCode;
}

async function check(batch: StoredBatch, findings: Findings): Promise<void> {
  const payload = await batch.read();
  if (payload === undefined) return;
  try {
    const { records } = remainingRecordsOf(payload, []);
    if (records === batch.records) return;
    const counts = `${counted(records, 'record')} where its header says ${batch.records}`;
    findings.damage(batch.path, `batch ${batch.index} has ${counts}`);
  } catch (error) {
    findings.damage(batch.path, `batch ${batch.index} is no OTLP request: ${messageOf(error)}`);
  }
}

function lineFor({ kind, path, what }: Finding): string {
  return visible(`${kind.padEnd(10)}  ${path}: ${what}`);
}
