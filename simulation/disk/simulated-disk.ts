/** One disk in memory that all processes of a run share: with weather, with deaths of processes and losses of power. */

import type { Clock } from '../subject.ts';
import type { ErrorCode } from './disk-error.ts';
import { type Call, canFail, type DiskWeather } from './disk-weather.ts';
import { FileTree } from './file-tree.ts';
import type { DirectoryNode } from './nodes.ts';
import { type DiskOfViews, ProcessView } from './process-view.ts';

const DEFAULT_LATENCY_MILLIS = 0.1;
const DEFAULT_SYNC_MILLIS = 2;
const SYNCS: readonly Call[] = ['datasync', 'syncDirectory'];

interface Hiccup {
  readonly millis: number;
  readonly calls: readonly Call[];
}

/** Time and chance are the clock's alone, so that a run is the same each time. */
export class SimulatedDisk {
  /** What a process did that goes wrong one day: a file closed while it is in use, or used when it is closed. */
  readonly misuses: string[] = [];
  /** Calls that a hiccup made long. */
  readonly hiccups: { readonly at: number; readonly millis: number }[] = [];
  readonly #clock: Clock;
  readonly #tree: FileTree;
  readonly #views = new Map<string, ProcessView>();
  readonly #ofViews: DiskOfViews;
  #weather: DiskWeather = {};
  #isHanging = false;
  #hiccupsToCome: Hiccup[] = [];
  /** What waits for a disk that hangs. */
  #waiting: (() => void)[] = [];

  /** @param clock that never stands still while there is time: not a process's. */
  constructor(clock: Clock, weather: DiskWeather = {}) {
    this.#clock = clock;
    this.#tree = new FileTree(() => clock.now());
    const disk = this;
    this.#ofViews = {
      tree: this.#tree,
      get isHanging() {
        return disk.#isHanging;
      },
      get hangsUntil() {
        return disk.#weather.hangsUntilMillis ?? Number.NEGATIVE_INFINITY;
      },
      now: () => clock.now(),
      random: () => clock.random(),
      durationOf: (call) => this.#durationOf(call),
      after: (millis, callback) => this.#after(millis, callback),
      failureOf: (call, isForWriting) => this.#failureOf(call, isForWriting),
      cut: (bytes, ends) => this.#cut(bytes, ends),
      tear: (ends) => this.#tear(ends),
      misused: (what) => void this.misuses.push(what),
    };
    this.weather = weather;
  }

  /**
   * A process's view, which is its own for its life; the next process of the same name gets a new one.
   * @param spend is told when a synchronous call has held up the process, and for how long: its clock is to have advanced
   * by so many milliseconds when `spend` returns. Infinity: it is held up for ever.
   */
  view(processId: string, spend: (millis: number) => void = () => {}): ProcessView {
    const view = new ProcessView(processId, this.#ofViews, spend);
    this.#views.get(processId)?.kill();
    this.#views.set(processId, view);
    return view;
  }

  get weather(): DiskWeather {
    return this.#weather;
  }

  set weather(weather: DiskWeather) {
    this.#weather = weather;
    this.#tree.capacityBytes = this.#tree.usedBytes + (weather.freeBytes ?? Number.POSITIVE_INFINITY);
    const { hangsUntilMillis } = weather;
    const leftMillis = (hangsUntilMillis ?? Number.NEGATIVE_INFINITY) - this.#clock.now();
    this.#isHanging = leftMillis > 0;
    if (!this.#isHanging) this.#goOn();
    else if (leftMillis !== Number.POSITIVE_INFINITY) {
      // Not by the time it is then: a sum of fractions may be a little less than what it was made of.
      this.#clock.timer(() => this.#weather === weather && this.#goOn(), leftMillis);
    }
  }

  /** No call ends for so long; the weather is as it was otherwise. */
  hang(millis: number): void {
    this.weather = { ...this.#weather, hangsUntilMillis: this.#clock.now() + millis };
  }

  /** The next of these calls takes so long, whichever process makes it. */
  hiccup(millis: number, calls: readonly Call[] = ['write']): void {
    this.#hiccupsToCome.push({ millis, calls });
  }

  /** From now on it does all that it should. */
  calm(): void {
    this.#hiccupsToCome = [];
    this.weather = {};
  }

  /**
   * A process is gone: what it has under way is done, or not, or torn; nothing more happens for it.
   * @param share of each write under way that is on the disk, from 0 to 1; by chance where it is left out.
   */
  kill(processId: string, share?: number): void {
    this.#views.get(processId)?.kill(share);
    this.#views.delete(processId);
  }

  freeze(processId: string): void {
    this.#views.get(processId)?.freeze();
  }

  thaw(processId: string): void {
    this.#views.get(processId)?.thaw();
  }

  /** All processes are gone, and what was not synced in the last half minute: all of it, a part or nothing, by chance. */
  loseWatts(): void {
    for (const processId of [...this.#views.keys()]) this.kill(processId);
    this.#tree.losePower(() => this.#clock.random());
  }

  /** Of all files. */
  get usedBytes(): number {
    return this.#tree.usedBytes;
  }

  /** Every file with its content, by its path. */
  get files(): Map<string, Buffer> {
    const files = new Map<string, Buffer>();
    collect(this.#tree.root, '', files);
    return files;
  }

  #goOn(): void {
    this.#isHanging = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }

  #after(millis: number, callback: () => void): void {
    this.#clock.timer(() => {
      if (this.#isHanging) this.#waiting.push(callback);
      else callback();
    }, millis);
  }

  #durationOf(call: Call): number {
    const index = this.#hiccupsToCome.findIndex(({ calls }) => calls.includes(call));
    const [hiccup] = index === -1 ? [] : this.#hiccupsToCome.splice(index, 1);
    if (hiccup !== undefined) {
      this.hiccups.push({ at: this.#clock.now(), millis: hiccup.millis });
      return hiccup.millis;
    }
    const { latencyMillis = DEFAULT_LATENCY_MILLIS, syncMillis = DEFAULT_SYNC_MILLIS } = this.#weather;
    const millis = SYNCS.includes(call) ? syncMillis : latencyMillis;
    return millis === 0 ? 0 : millis * (0.5 + this.#clock.random());
  }

  #failureOf(call: Call, isForWriting: boolean): ErrorCode | undefined {
    const { failing } = this.#weather;
    if (failing === undefined || !canFail(failing.code, call, isForWriting)) return undefined;
    if (failing.calls?.includes(call) === false) return undefined;
    const share = failing.share ?? 1;
    return share === 1 || this.#clock.random() < share ? failing.code : undefined;
  }

  #tear(ends: readonly number[]): number | undefined {
    const { tornShare = 0 } = this.#weather;
    if (tornShare === 0 || ends.length < 2 || this.#clock.random() >= tornShare) return undefined;
    return ends[Math.floor(this.#clock.random() * (ends.length - 1))];
  }

  #cut(bytes: number, ends: readonly number[] = []): number {
    const { shortShare = 0 } = this.#weather;
    if (shortShare === 0 || bytes < 2 || this.#clock.random() >= shortShare) return bytes;
    // Kernels write buffer by buffer, and so many of them in one call.
    if (ends.length > 1 && this.#clock.random() < 0.5) {
      return ends[Math.floor(this.#clock.random() * (ends.length - 1))] as number;
    }
    return 1 + Math.floor(this.#clock.random() * (bytes - 1));
  }
}

function collect(directory: DirectoryNode, path: string, files: Map<string, Buffer>): void {
  for (const [name, node] of directory.entries) {
    if (node.isDirectory) collect(node, `${path}/${name}`, files);
    else files.set(`${path}/${name}`, node.content);
  }
}
