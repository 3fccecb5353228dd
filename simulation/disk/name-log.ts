/** Changes of names that no sync has made durable yet, in order: a loss of power takes the last of them. */

import { type DirectoryNode, type DiskNode, WRITE_BACK_MILLIS } from './nodes.ts';

/** One name in one directory, as it was before. */
export interface NameChange {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly before: DiskNode | undefined;
}

interface LoggedCall {
  readonly at: number;
  readonly changes: readonly NameChange[];
}

/** As a journal of a file system has them: what is durable is always all up to some call. */
export class NameLog {
  #calls: LoggedCall[] = [];

  /** One call, whose changes are durable together or not at all. @param at when, on the disk's clock. */
  add(at: number, changes: readonly NameChange[]): void {
    this.#writeBack(at);
    this.#calls.push({ at, changes });
  }

  /** Makes the names in a directory durable, and with them whatever came before. */
  sync(directory: DirectoryNode): void {
    const last = this.#calls.findLastIndex(({ changes }) =>
      changes.some((change) => change.directory === directory),
    );
    if (last >= 0) this.#calls = this.#calls.slice(last + 1);
  }

  /** @returns what has to be taken back, the last first. */
  losePower(now: number, random: () => number): NameChange[] {
    this.#writeBack(now);
    const kept = Math.floor(random() * (this.#calls.length + 1));
    const lost = this.#calls.slice(kept);
    this.#calls = [];
    return lost.toReversed().flatMap(({ changes }) => changes.toReversed());
  }

  #writeBack(now: number): void {
    while (now - (this.#calls[0]?.at ?? now) > WRITE_BACK_MILLIS) this.#calls.shift();
  }
}
