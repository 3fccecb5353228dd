/** Says in words what happens on one side and why, from what its processor tells of itself. */
import type { Sample } from '../service/messages.ts';
import type { SideName, Tone } from '../view.ts';
import { OutageStory } from './outage-story.ts';
import type { End } from './side.ts';
import { causeOf, count, plural, seconds } from './words.ts';

/** Says something new, and returns how to say it anew in the same place. */
export type Say = (tone: Tone, text: string) => (text: string) => void;

/** What goes on is over, and the next of its kind is told as another, after this time. */
const EPISODE_MILLIS = 4_000;

export interface Moment {
  nowMillis: number;
  sample: Sample;
  /** On disk, whoever left it there. */
  onDisk: number;
  lost: number;
  /** Records a second that are being logged. */
  rate: number;
  isUp: boolean;
}

interface Episode {
  /** The count when it began. */
  before: number;
  lastMillis: number;
  retell: (text: string) => void;
}

const LOSSES: Record<SideName, Record<string, (records: string) => string>> = {
  stock: {
    queue_full: (records) => `The queue is full (2,048 records): ${records} dropped, each as it is logged.`,
    export_failed: (records) => `The exporter gave up on ${records}, and nobody tries again: lost.`,
  },
  spillway: {
    queue_full: (records) => `The queue is full: ${records} dropped, the oldest first.`,
    memory_limit: (records) => `The process is short of memory: ${records} dropped.`,
    spool_full: (records) => `The spool is full: ${records} dropped, the oldest first.`,
  },
};
/** Told by the end of the process. */
const TOLD_AT_THE_END = 'shutdown';

export class Narrator {
  readonly #side: SideName;
  readonly #say: Say;
  readonly #outage: OutageStory;
  #previous: Sample | undefined;
  #isOnDiskSaid = false;
  readonly #episodes = new Map<string, Episode>();
  #trouble: { before: number; lastMillis: number; last: number } | undefined;

  constructor(side: SideName, say: Say) {
    this.#side = side;
    this.#say = say;
    this.#outage = new OutageStory(say);
  }

  started(number: number, pid: number | undefined): void {
    this.#previous = undefined;
    this.#episodes.clear();
    if (number > 1) this.#say('plain', `Process ${number} is up (pid ${pid ?? '?'}).`);
  }

  ended({ how, millis, held, onDisk, lost, errors }: End): void {
    this.#outage.end();
    this.#trouble = undefined;
    this.#isOnDiskSaid = onDisk > 0;
    const says: Record<End['how'], string> = {
      SIGTERM: `Ended ${seconds(millis)} after SIGTERM.`,
      grace: `Had not ended ${seconds(millis)} after SIGTERM, and was killed.`,
      SIGKILL: `Killed, with ${plural(held, 'record')} waiting in memory.`,
      unasked: `Ended by itself${errors ? `: ${errors.split('\n').at(-1)}` : ''}.`,
    };
    const loss = lost > 0 ? `${plural(lost, 'record')} lost by this end.` : 'Nothing was lost.';
    const when =
      how === 'SIGTERM' ? '' : ', which takes them over when the lease of the dead one has run out, in 10 s';
    const disk = onDisk > 0 ? ` On disk: ${plural(onDisk, 'record')}, for the next process${when}.` : '';
    this.#say(lost > 0 ? 'lost' : onDisk > 0 ? 'onDisk' : 'delivered', `${says[how]} ${loss}${disk}`);
  }

  observe(moment: Moment): void {
    const { breaker } = moment.sample;
    if (breaker === undefined) this.#observeTrouble(moment);
    else {
      this.#outage.observe(moment, breaker);
      this.#observeRefusals(moment);
    }
    this.#observeDisk(moment);
    this.#observeLosses(moment);
    this.#previous = moment.sample;
  }

  /** Requests that fail beside others that do not. */
  #observeRefusals({ nowMillis, sample: { failedExports, lastError } }: Moment): void {
    const before = this.#previous?.failedExports ?? failedExports;
    if (failedExports <= before || this.#outage.isTold) return;
    const cause = causeOf(lastError);
    const again = cause === 'HTTP 413' ? 'in smaller requests' : 'immediately';
    this.#tell('refusals', [before, failedExports], nowMillis, 'waiting', (requests) => {
      return `${plural(requests, 'request')} failed beside others: ${cause}. What was in them is sent again ${again}.`;
    });
  }

  #observeDisk({ sample: { recovered }, onDisk }: Moment): void {
    const more = recovered - (this.#previous?.recovered ?? 0);
    if (more > 0) {
      this.#isOnDiskSaid = true;
      this.#say('onDisk', `Took over ${plural(more, 'record')} that an earlier process had left on disk.`);
    }
    if (onDisk > 0 && !this.#isOnDiskSaid) {
      this.#isOnDiskSaid = true;
      this.#say('onDisk', `What waits goes to disk: ${plural(onDisk, 'record')} so far.`);
    } else if (onDisk === 0 && this.#isOnDiskSaid) {
      this.#isOnDiskSaid = false;
      this.#say('delivered', 'The disk is empty again: all that was there is delivered.');
    }
  }

  #observeLosses({ nowMillis, sample }: Moment): void {
    for (const [reason, records] of Object.entries(sample.dropped)) {
      const before = this.#previous?.dropped[reason] ?? 0;
      if (records <= before || reason === TOLD_AT_THE_END) continue;
      this.#tell(reason, [before, records], nowMillis, 'lost', (more) => {
        const number = plural(more, 'record');
        return LOSSES[this.#side][reason]?.(number) ?? `${number} dropped: ${reason}.`;
      });
    }
  }

  /** What goes on is one entry, with the number by which a count has grown since it began. */
  #tell(
    key: string,
    [before, after]: [number, number],
    nowMillis: number,
    tone: Tone,
    text: (more: number) => string,
  ): void {
    const episode = this.#episodes.get(key);
    if (episode !== undefined && nowMillis - episode.lastMillis < EPISODE_MILLIS) {
      episode.lastMillis = nowMillis;
      episode.retell(text(after - episode.before));
    } else {
      const retell = this.#say(tone, text(after - before));
      this.#episodes.set(key, { before, lastMillis: nowMillis, retell });
    }
  }

  /** Stock says nothing of an outage but what it loses; when it loses no more, that is the sum. */
  #observeTrouble({ nowMillis, sample, lost, isUp }: Moment): void {
    const dropped = sumOf(sample) - sumOf(this.#previous);
    if (this.#trouble === undefined) {
      if (dropped > 0) this.#trouble = { before: lost - dropped, lastMillis: nowMillis, last: lost };
    } else if (lost > this.#trouble.last) {
      this.#trouble.last = lost;
      this.#trouble.lastMillis = nowMillis;
    } else if (isUp && sample.fill < 0.5 && nowMillis - this.#trouble.lastMillis > EPISODE_MILLIS) {
      const { before, last } = this.#trouble;
      this.#say('lost', `Keeps up again. ${count(last - before)} records are missing for good.`);
      this.#trouble = undefined;
    }
  }
}

function sumOf(sample: Sample | undefined): number {
  return Object.values(sample?.dropped ?? {}).reduce((sum, records) => sum + records, 0);
}
