/** What a command puts out: lines to standard output or a file, messages to standard error, and an exit code. */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { messageOf } from '../../common/errors.ts';
import { visible } from '../../common/visible-text.ts';
import { codeOf, reasonOf } from '../../spool/format/file-system.ts';

/** From 64 on as in sysexits.h, so that scripts can distinguish misuse from findings. */
export const EXIT = {
  done: 0,
  refused: 1,
  damaged: 2,
  /** Records belong to a living process. */
  held: 3,
  unreachable: 4,
  usage: 64,
  noSpool: 66,
  noOutput: 73,
  unreadable: 77,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The message is one line. */
export class Problem extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Codes for a path that is missing or can never be a directory. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE']);

export function fileProblem(path: string, error: unknown): Problem {
  const isAbsent = ABSENT.has(codeOf(error) ?? '');
  return new Problem(isAbsent ? EXIT.noSpool : EXIT.unreadable, `${path}: ${reasonOf(error)}`);
}

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const message = messageOf(error).replace(/^otel-spillway: /, '');
  if (codeOf(error) === 'ERR_SPILLWAY_OPTION') return new Problem(EXIT.usage, message);
  return new Problem(EXIT.unreadable, message);
}

/** Lines are written together: a system call per line would dominate the run time. */
const CHUNK_LENGTH = 64 * 1024;
const FILE_MODE = 0o600;

/** Writes lines in order and waits for the reader, so that memory stays bounded. Methods throw Problem. */
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

  async line(text: string): Promise<void> {
    this.#chunk += `${text}\n`;
    if (this.#chunk.length >= CHUNK_LENGTH) await this.flush();
  }

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

  /** Resolves when a file is complete. */
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

/** Never overwrites a file: it may be part of what is being read. */
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

export function tell(message: string): void {
  // Overwrites the progress line of a terminal.
  const clear = process.stderr.isTTY ? '\r\u001b[K' : '';
  process.stderr.write(`${clear}otel-spillway: ${visible(message)}\n`);
}

/** A reader that has seen enough, such as `head`, is no error. */
export function endQuietlyOnBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done);
  });
  process.stderr.on('error', () => {});
}
