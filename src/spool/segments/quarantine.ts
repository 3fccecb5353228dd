/** Keeps the latest damaged segments for inspection, within a limit. */

import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { codeOf, isDirectory, type SpoolFiles } from '../format/file-system.ts';
import { DIRECTORY_MODE, QUARANTINE_NAME, segmentName } from '../format/names.ts';
import type { Segment } from './segment.ts';

/** Share of `maxBytes`. */
const SHARE = 1 / 8;
/** Names begin with the time, so that they sort by age. */
const TIME_DIGITS = 14;

export class Quarantine {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #clock: Clock;
  readonly #files: SpoolFiles;

  constructor(directory: string, maxBytes: number, clock: Clock, files: SpoolFiles) {
    this.#directory = join(directory, QUARANTINE_NAME);
    this.#maxBytes = Math.floor(maxBytes * SHARE);
    this.#clock = clock;
    this.#files = files;
  }

  async add(segment: Segment): Promise<void> {
    const time = String(Math.max(0, Math.trunc(this.#clock.wallNow()))).padStart(TIME_DIGITS, '0');
    const partition = segment.partition.name.slice('partition-'.length);
    try {
      await this.#files.mkdir(this.#directory, DIRECTORY_MODE);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      // Through a link, files would be deleted where it leads to.
      if (!(await isDirectory(this.#directory, this.#files))) throw error;
    }
    const name = `${time}-${partition}-${segmentName(segment.sequence)}`;
    await this.#files.rename(segment.path, join(this.#directory, name));
    await this.#shrink();
  }

  async #shrink(): Promise<void> {
    const names = (await this.#files.readdir(this.#directory)).filter((name) => name.endsWith('.seg'));
    const sizes = new Map<string, number>();
    let total = 0;
    for (const name of names.toSorted()) {
      const { size } = await this.#files.stat(join(this.#directory, name));
      sizes.set(name, size);
      total += size;
    }
    for (const [name, size] of sizes) {
      if (total <= this.#maxBytes) return;
      await this.#files.unlink(join(this.#directory, name));
      total -= size;
    }
  }
}
