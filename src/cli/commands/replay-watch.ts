/** Decides when a replay is over, and why. */

import type { Clock } from '../../common/clock.ts';
import type { SpoolFiles } from '../../spool/format/file-system.ts';
import type { SpillwayStats } from '../../telemetry/stats.ts';
import { tell } from '../console/output.ts';
import { counted, durationText } from '../console/words.ts';
import { type Holder, HolderObserver, ownerText, pendingByPartition } from '../reading/spool-contents.ts';

/** Minimum time between two scans of the directory. */
const LOOK_MILLIS = 250;
/** Minimum relative to the duration of a scan, which reads the headers of all other processes' segments. */
const LOOK_SHARE = 5;
/** After this long, records we own but cannot count are in files we cannot write. */
const STUCK_MILLIS = 10_000;

export type ReplayEnd =
  | { readonly kind: 'done' | 'interrupted' }
  | { readonly kind: 'held' | 'unreachable' | 'unreadable'; readonly message: string };

interface Left extends Holder {
  readonly records: number;
  readonly isNewer: boolean;
}

export class ReplayWatch {
  readonly #directory: string;
  readonly #stats: () => SpillwayStats;
  readonly #timeoutMillis: number;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;
  readonly #holders: HolderObserver;
  readonly #announced = new Set<string>();
  /** When the endpoint last accepted records, or there were none to send. */
  #progressAt: number;
  #done = 0;
  #failures = 0;
  #lookAt = Number.NEGATIVE_INFINITY;
  #idleSince = Number.POSITIVE_INFINITY;

  /** @param timeoutMillis how long the endpoint may accept nothing. */
  constructor(
    directory: string,
    stats: () => SpillwayStats,
    timeoutMillis: number,
    clock: Clock,
    files: SpoolFiles,
  ) {
    this.#directory = directory;
    this.#stats = stats;
    this.#timeoutMillis = timeoutMillis;
    this.#clock = clock;
    this.#files = files;
    this.#holders = new HolderObserver(directory, clock, files);
    this.#progressAt = clock.now();
  }

  /** @returns undefined while the replay continues. @throws file-system errors if the directory cannot be read. */
  async look(): Promise<ReplayEnd | undefined> {
    const failing = this.#endpoint(this.#stats());
    if (failing !== undefined) return failing;
    const now = this.#clock.now();
    if (now < this.#lookAt) return undefined;
    const holders = await this.#holders.observe();
    if (this.#isBusy) this.#idleSince = Number.POSITIVE_INFINITY;
    else this.#idleSince = Math.min(this.#idleSince, now);
    const replayEnd = this.#isBusy ? undefined : await this.#rest(holders);
    const end = this.#clock.now();
    this.#lookAt = end + Math.max(LOOK_MILLIS, (end - now) * LOOK_SHARE);
    // A partition taken over during the scan may have been missed under both names.
    return (await this.#isUnchanged(holders)) && !this.#isBusy ? replayEnd : undefined;
  }

  get #isBusy(): boolean {
    const { spooled, inFlight } = this.#stats();
    return spooled.records + inFlight.records > 0;
  }

  async #isUnchanged(before: readonly Holder[]): Promise<boolean> {
    const after = await this.#holders.observe();
    const names = new Set(after.map(({ name }) => name));
    return before.length === names.size && before.every(({ name }) => names.has(name));
  }

  #endpoint({ exported, dropped, exports, spooled, inFlight }: SpillwayStats): ReplayEnd | undefined {
    const now = this.#clock.now();
    const done = Object.values(dropped).reduce((sum, records) => sum + records, exported);
    if (done > this.#done || spooled.records + inFlight.records === 0) {
      this.#done = done;
      this.#progressAt = now;
      this.#failures = exports.failures;
    }
    const { lastError = 'no answer' } = exports;
    // An endpoint that finally refuses the first records, even for their size, would refuse all: it is the wrong one.
    const refused = dropped.rejected + dropped.record_too_large;
    if (exported === 0 && refused > 0) {
      const message = `the endpoint takes nothing, and refused ${counted(refused, 'record')} for good: ${lastError}`;
      return { kind: 'unreachable', message };
    }
    if (exports.failures === this.#failures || now - this.#progressAt < this.#timeoutMillis) return undefined;
    const message = `the endpoint took nothing for ${durationText(this.#timeoutMillis)}, and the rest stays in the spool: ${lastError}`;
    return { kind: 'unreachable', message };
  }

  /** Called when this process has nothing to send, so that all pending records are in other partitions. */
  async #rest(holders: readonly Holder[]): Promise<ReplayEnd | undefined> {
    const left = await this.#left(holders);
    if (left.length === 0) return { kind: 'done' };
    const isStuck = this.#clock.now() - this.#idleSince > STUCK_MILLIS;
    const waiting = left.filter(
      ({ state, isNewer }) => !isNewer && state !== 'alive' && !(isStuck && state === 'own'),
    );
    for (const { name, state, lease, info, expiryMillis, records } of waiting) {
      // A partition without a lease is being taken over.
      if (state !== 'silent' || lease === undefined || this.#announced.has(name)) continue;
      this.#announced.add(name);
      tell(
        `${name}, ${counted(records, 'record')}: waiting up to ${durationText(expiryMillis)} to see whether ${ownerText(info)} lives`,
      );
    }
    if (waiting.length > 0) return undefined;
    return replayEndFor(left);
  }

  async #left(holders: readonly Holder[]): Promise<Left[]> {
    const pending = await pendingByPartition(this.#directory, this.#files);
    const left: Left[] = [];
    for (const [name, { records, isNewer }] of pending) {
      const holder = holders.find((one) => one.name === name);
      // A new partition: the next scan finds its owner.
      const known = holder ?? { name, state: 'free', lease: undefined, info: undefined, expiryMillis: 0 };
      if (records > 0 || isNewer) left.push({ ...known, records, isNewer });
    }
    return left;
  }
}

function replayEndFor(left: readonly Left[]): ReplayEnd {
  const alive = left.filter(({ state }) => state === 'alive');
  if (alive.length > 0) {
    const partitions = alive.map(
      ({ name, info, records }) => `${name} (${ownerText(info)}, ${counted(records, 'record')})`,
    );
    return {
      kind: 'held',
      message: `held by living processes, which will send it: ${partitions.join(', ')}`,
    };
  }
  const newer = left.filter(({ isNewer }) => isNewer).map(({ name }) => name);
  if (newer.length > 0) {
    return {
      kind: 'unreadable',
      message: `written by a newer version of otel-spillway: ${newer.join(', ')}`,
    };
  }
  return {
    kind: 'unreadable',
    message: 'some files of the spool cannot be written to: records may be sent again',
  };
}
