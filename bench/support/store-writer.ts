/** A process that fills a store as fast as it can and says of each batch what became of it, so that it can be killed at any time. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { openStore } from './batch-stores.ts';
import { numberOf, payloadMaker } from './numbered-payloads.ts';

export interface WriterInput {
  readonly contender: string;
  readonly directory: string;
  readonly batches: number;
  readonly batchBytes: number;
  readonly batchRecords: number;
  /** Whether every second batch is read back and settled. */
  readonly settles: boolean;
}

/** What a writer did until it ended or was killed: numbers of batches, milliseconds. */
export interface WriterReport {
  readonly stored: ReadonlySet<number>;
  readonly settled: ReadonlySet<number>;
  readonly refused: number;
  readonly latencies: readonly number[];
  /** When its store was about to be opened; NaN if it was killed before. */
  readonly startedAtUnixMillis: number;
  /** When its store was closed; NaN if it was killed before. */
  readonly endedAtUnixMillis: number;
}

const OUTSTANDING = 4;
const STDOUT = 1;

/** One line for what happened, written at once: what a killed process has said can still be read from the pipe. */
const say = (what: '+' | '-' | '!' | 'open' | 'closed', number: number, millis = 0) =>
  writeSync(STDOUT, `${what} ${number} ${millis.toFixed(3)}\n`);

async function write({ contender, directory, batches, batchBytes, batchRecords, settles }: WriterInput) {
  const payloadOf = payloadMaker(batchBytes);
  say('open', Date.now());
  const store = openStore(contender, directory);
  let last = 0;
  async function lane(): Promise<void> {
    while (last < batches) {
      const number = ++last;
      const payload = payloadOf(number);
      const start = performance.now();
      const isStored = await store.append(payload, batchRecords);
      say(isStored ? '+' : '!', number, performance.now() - start);
      if (!settles || number % 2 === 0) continue;
      const batch = await store.next();
      if (batch === undefined) continue;
      // Said first, as it is delivered first: killed in between, it comes back, and is not lost.
      say('-', numberOf(batch.payload) ?? Number.NaN);
      batch.settle();
    }
  }
  await Promise.all(Array.from({ length: OUTSTANDING }, lane));
  await store.close();
  say('closed', Date.now());
}

/** Starts a writer. The report is ready when the process has ended. */
export function startWriter(input: WriterInput): { child: ChildProcess; report: Promise<WriterReport> } {
  const child = fork(import.meta.filename, [JSON.stringify(input)], {
    execArgv: [],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  return { child, report: reportOf(child) };
}

async function reportOf(child: ChildProcess): Promise<WriterReport> {
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(child, 'close');
  if (child.exitCode !== 0 && child.signalCode !== 'SIGKILL') throw new Error('a writer failed');
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' ') as [string, string, string]);
  const numbers = (kind: string) => lines.filter(([what]) => what === kind).map((line) => Number(line[1]));
  return {
    stored: new Set(numbers('+')),
    settled: new Set(numbers('-')),
    refused: numbers('!').length,
    startedAtUnixMillis: numbers('open')[0] ?? Number.NaN,
    endedAtUnixMillis: numbers('closed')[0] ?? Number.NaN,
    latencies: lines.filter(([what]) => what === '+').map((line) => Number(line[2])),
  };
}

if (import.meta.main) {
  await write(JSON.parse(process.argv[2] as string) as WriterInput);
  // The channel to the parent would keep the process.
  process.exit(0);
}
