/** Certificates and keys in files, checked for changes before each request. */

import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { SecureContext } from 'node:tls';
import { type Clock, systemClock } from '../common/clock.ts';
import { messageOf } from '../common/errors.ts';
import { say } from '../delivery/say.ts';
import type { OtlpTls, TlsSource } from './tls-source.ts';

/** A more recent change is not final: file times have coarse ticks, and other files of the set may follow. */
const SETTLED_MILLIS = 1_000;

type Contents = Readonly<Record<string, Buffer>>;

export class TlsFiles implements TlsSource {
  readonly #names: string;
  readonly #paths: readonly (readonly [name: string, path: string])[];
  readonly #contextOf: (contents: Contents) => SecureContext;
  readonly #clock: Clock;
  #current: OtlpTls;
  #contents: Contents;
  /** Metadata of the files when they were last read; undefined if they must be read again in any case. */
  #seen: string | undefined;
  /** When the files were first found unusable; undefined while they are usable. */
  #unusableSince: number | undefined;
  #isReported = false;
  #looking: Promise<void> | undefined;

  /** Throws for unusable files. `names` is for messages; `paths` is keyed by option of `tls.createSecureContext`. */
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

  /** Called before each request: a timer or a watcher would keep an idle process busy. */
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
      // A change during the read may have mixed old and new content.
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

  /** Reports once, and not while a change may be under way. */
  #unusable(error: unknown): void {
    const now = this.#clock.now();
    this.#unusableSince ??= now;
    if (this.#isReported) return;
    if (now - this.#unusableSince < SETTLED_MILLIS) {
      // Forces another read, even if the files do not change again.
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
