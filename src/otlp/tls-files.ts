/** Certificates and keys in files, which are looked at before each request and read again when they have changed. */

import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { SecureContext } from 'node:tls';
import { type Clock, systemClock } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';
import { say } from '../delivery/say.ts';
import type { OtlpTls, TlsSource } from './tls-source.ts';

/**
 * What changed less than this ago may change once more and look the same, for file systems count time in ticks; and of
 * several files the others may be about to follow.
 */
const SETTLED_MILLIS = 1_000;

type Contents = Readonly<Record<string, Buffer>>;

export class TlsFiles implements TlsSource {
  readonly #names: string;
  readonly #paths: readonly (readonly [name: string, path: string])[];
  readonly #contextOf: (contents: Contents) => SecureContext;
  readonly #clock: Clock;
  #current: OtlpTls;
  #contents: Contents;
  /** How the files looked when they were last read; undefined where they are to be read again however they look. */
  #seen: string | undefined;
  /** Since when they cannot be used; undefined while they can. */
  #unusableSince: number | undefined;
  #isReported = false;
  #looking: Promise<void> | undefined;

  /**
   * @param names what the files are called in reports.
   * @param paths of the files, by the option of `tls.createSecureContext` that each of them holds.
   * @throws what the file system or `contextOf` does, for files that cannot be used from the start.
   */
  constructor(
    names: string,
    paths: Readonly<Record<string, string>>,
    contextOf: (contents: Contents) => SecureContext,
    clock: Clock = systemClock,
  ) {
    this.#names = names;
    this.#paths = Object.entries(paths);
    this.#contextOf = contextOf;
    this.#clock = clock;
    this.#contents = Object.fromEntries(this.#paths.map(([name, path]) => [name, readFileSync(path)]));
    this.#current = { secureContext: contextOf(this.#contents) };
  }

  get current(): OtlpTls {
    return this.#current;
  }

  /** A timer or a watcher would keep an idle process busy with files that it has no use for yet. */
  refresh(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    try {
      const before = await this.#appearance();
      if (before.isSettled && before.text === this.#seen) return;
      const read = await Promise.all(
        this.#paths.map(async ([name, path]) => [name, await readFile(path)] as const),
      );
      const after = await this.#appearance();
      // What was read may be half of the one and half of the other.
      if (after.text !== before.text) throw new Error('they are being written');
      this.#seen = before.isSettled ? before.text : undefined;
      const contents = Object.fromEntries(read);
      if (this.#isNew(contents)) {
        this.#current = { secureContext: this.#contextOf(contents) };
        this.#contents = contents;
      }
      this.#unusableSince = undefined;
      this.#isReported = false;
    } catch (error) {
      this.#unusable(error);
    }
  }

  async #appearance(): Promise<{ readonly text: string; readonly isSettled: boolean }> {
    const stats = await Promise.all(this.#paths.map(([, path]) => stat(path, { bigint: true })));
    const settled = BigInt(Math.trunc(this.#clock.wallNow()) - SETTLED_MILLIS);
    return {
      text: stats.map(({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs]).join(),
      isSettled: stats.every(({ mtimeMs, ctimeMs }) => mtimeMs < settled && ctimeMs < settled),
    };
  }

  #isNew(contents: Contents): boolean {
    return this.#paths.some(([name]) => contents[name]?.equals(this.#contents[name] as Buffer) !== true);
  }

  /** Said once, and not while it may be in the middle of a change. */
  #unusable(error: unknown): void {
    const now = this.#clock.now();
    this.#unusableSince ??= now;
    if (this.#isReported) return;
    if (now - this.#unusableSince < SETTLED_MILLIS) {
      // To be looked at again, for it may not change any more.
      this.#seen = undefined;
      return;
    }
    this.#isReported = true;
    say(
      'warn',
      `the files named by ${this.#names} have changed and cannot be used: ${messageOf(error)}; what was there before still is`,
    );
  }
}
