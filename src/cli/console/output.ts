/** Where a command writes to: lines to standard output or a file, words for people to standard error. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { reasonOf } from '../../spool/format/file-system.ts';
import { EXIT, Problem } from './problem.ts';
import { plain } from './words.ts';

/** Written together: one system call for each line would take longer than all the rest. */
const CHUNK_LENGTH = 64 * 1024;
/** Logs are nobody else's to read. */
const FILE_MODE = 0o600;

/** Lines in the order they were given, never more of them in memory than whoever reads them has taken. */
export class LineWriter {
  readonly #stream: Writable;
  readonly #name: string;
  #chunk = '';
  #error: unknown;

  constructor(stream: Writable, name: string) {
    this.#stream = stream;
    this.#name = name;
    stream.on('error', (error) => {
      this.#error ??= error;
    });
  }

  /** @throws Problem when it cannot be written. */
  async line(text: string): Promise<void> {
    this.#chunk += `${text}\n`;
    if (this.#chunk.length >= CHUNK_LENGTH) await this.flush();
  }

  /** @throws Problem when it cannot be written. */
  async flush(): Promise<void> {
    const chunk = this.#chunk;
    this.#chunk = '';
    try {
      if (this.#error !== undefined) throw this.#error;
      if (chunk !== '' && !this.#stream.write(chunk)) await once(this.#stream, 'drain');
    } catch (error) {
      throw new Problem(EXIT.noOutput, `${this.#name}: ${reasonOf(error)}`);
    }
  }

  /** For a file: what was written is there when this resolves. @throws Problem when it cannot be written. */
  async end(): Promise<void> {
    await this.flush();
    try {
      this.#stream.end();
      await finished(this.#stream);
    } catch (error) {
      throw new Problem(EXIT.noOutput, `${this.#name}: ${reasonOf(error)}`);
    }
  }
}

/** A new file; one that is there is not written over, for it may be what is being read. */
export async function createFile(path: string): Promise<LineWriter> {
  const stream = createWriteStream(path, { flags: 'wx', mode: FILE_MODE });
  const writer = new LineWriter(stream, path);
  try {
    await once(stream, 'open');
  } catch (error) {
    throw new Problem(EXIT.noOutput, `${path}: ${reasonOf(error)}`);
  }
  return writer;
}

export const standardOutput = new LineWriter(process.stdout, 'standard output');

/** A line for people: what went wrong, or how it goes. */
export function tell(message: string): void {
  // In a terminal there may be a line that says how it goes, and is written over.
  const clear = process.stderr.isTTY ? '\r\u001b[K' : '';
  process.stderr.write(`${clear}otel-spillway: ${plain(message)}\n`);
}

/** Whoever reads the output may have seen enough, as `head` does: that is no error. */
export function endQuietlyOnBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done);
  });
  process.stderr.on('error', () => {});
}
