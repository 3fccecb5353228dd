/** Runs processes that live for a moment, and measures by how much the processor delays their end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { TestCollector } from '../src/testing/index.ts';

const LIVES_MILLIS = [50, 200, 500];
const RECORDS = 2;
/** Beyond `shutdown.timeoutMillis`, which the processes wait where nobody answers. */
const BOUND_MILLIS = 20;
/** To send what all the others have left. */
const LAST_LIFE_MILLIS = 3_000;

export interface BriefRuns {
  readonly name: string;
  readonly delays: readonly number[];
  readonly found: string;
  readonly problem: string | false;
}

interface Run {
  readonly delayMillis: number;
  readonly printed: string;
}

const median = (runs: readonly Run[]) =>
  runs.map(({ delayMillis }) => delayMillis).toSorted((a, b) => a - b)[runs.length >> 1] ?? 0;

async function runOne(how: 'with' | 'without', millis: number, ...rest: string[]): Promise<Run> {
  const path = new URL('brief.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [path, how, String(millis), ...rest], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const [, stdout, stderr, delay] = child.stdio as unknown as NodeJS.ReadableStream[];
  const all = [stdout, stderr, delay].map((stream) => text(stream as NodeJS.ReadableStream));
  await once(child, 'close');
  const [out = '', error = '', reported = ''] = await Promise.all(all);
  return { delayMillis: Number(reported), printed: out + error };
}

/** How many of the records arrive that the processes have left. */
async function foundIn(directory: string): Promise<number> {
  const collector = await TestCollector.start({ keep: 'ids', identity: 'body' });
  await runOne('with', LAST_LIFE_MILLIS, collector.logsUrl, directory, 'last');
  const found = [...collector.ids.keys()].filter((id) => !id.startsWith('last')).length;
  await collector.stop();
  return found;
}

/**
 * In turns, so that whatever else the machine has to do hits them alike.
 * @param slackMillis what a busy machine may add.
 */
export async function measureBrief(
  directory: string,
  runs: number,
  slackMillis: number,
): Promise<BriefRuns[]> {
  const gone = await TestCollector.start();
  await gone.become('dead');
  const silent = await TestCollector.start({ condition: 'silent' });
  const without: Run[] = [];
  const dead = [
    { name: 'no collector', url: gone.logsUrl, directory: join(directory, 'gone'), ran: [] as Run[] },
    {
      name: 'a collector that does not answer',
      url: silent.logsUrl,
      directory: join(directory, 'silent'),
      ran: [] as Run[],
    },
  ];
  for (let number = 0; number < runs; number++) {
    const life = LIVES_MILLIS[number % LIVES_MILLIS.length] as number;
    without.push(await runOne('without', life));
    for (const { url, directory, ran } of dead) {
      ran.push(await runOne('with', life, url, directory, String(number)));
    }
  }
  await silent.stop();
  const delaysOf = (ran: readonly Run[]) => ran.map(({ delayMillis }) => delayMillis);
  const results: BriefRuns[] = [
    { name: 'without a processor', delays: delaysOf(without), found: '', problem: false },
  ];
  for (const { name, directory, ran } of dead) {
    const found = await foundIn(directory);
    const printed = ran.find((run) => run.printed !== '')?.printed;
    const problem =
      (printed !== undefined && `it printed: ${printed}`) ||
      (found !== runs * RECORDS && 'records were lost') ||
      (median(ran) > BOUND_MILLIS + slackMillis && 'too slow');
    results.push({ name, delays: delaysOf(ran), found: `${found} of ${runs * RECORDS}`, problem });
  }
  return results;
}
