/** Writes acknowledgements of settled records beside their segment, many at a time. */

import { type RecordRange, without } from './entry.ts';
import { codeOf, isMissing, type SpoolFiles, writeFully, writeFullySync } from './file-system.ts';
import { ACK_BYTES, FILE_MODE, writeAck } from './layout.ts';
import { isForeign, type OpenFlags } from './open-file.ts';

/** To open the file: as it should be, as it turns out to be, and once what is none has been removed. */
const MAX_TRIES = 3;

/** Notes by frame index. */
type Notes = Map<number, readonly RecordRange[]>;

/** Offsets are multiples of the note size, so that a torn note damages no other. */
export class AckLog {
  readonly #path: string;
  readonly #salt: number;
  /** One note for each completely settled frame. */
  #wholes: Notes = new Map();
  /** Ranges of other frames settled since the last write. */
  #parts: Notes = new Map();
  /** Notes being written; `flushSync` repeats them. */
  #underWay: Notes = new Map();
  #writing: Promise<void> | undefined;
  /** File size, including the write in progress. */
  bytes = 0;

  constructor(path: string, salt: number) {
    this.#path = path;
    this.#salt = salt;
  }

  get isPending(): boolean {
    return this.#wholes.size > 0 || this.#parts.size > 0;
  }

  /** Bytes that acknowledging the finished frames will take. */
  get pendingBytes(): number {
    return this.#wholes.size * ACK_BYTES;
  }

  /** Bytes that acknowledging parts of other frames would take. */
  get optionalBytes(): number {
    return countOf(this.#parts) * ACK_BYTES;
  }

  /** Continues an existing file; a torn note at its end is overwritten. */
  exists(bytes: number): void {
    this.bytes = bytes - (bytes % ACK_BYTES);
  }

  noteWhole(index: number, records: number): void {
    this.#parts.delete(index);
    this.#wholes.set(index, [[0, records]]);
  }

  notePart(index: number, before: readonly RecordRange[], after: readonly RecordRange[]): void {
    let settled = before;
    for (const [first, records] of after) settled = without(settled, first, records);
    add(this.#parts, index, settled);
  }

  /** Resolves when no write is in progress. Never rejects. */
  async idle(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing.catch(() => {});
  }

  /** Keeps the notes on errors. @param hasRoom whether to write also notes that only avoid second deliveries. */
  async flush(files: SpoolFiles, hasRoom: boolean): Promise<void> {
    // Not `await this.idle()`: no turn may pass between the last check and the write.
    while (this.#writing !== undefined) await this.#writing.catch(() => {});
    const notes = this.#take(hasRoom);
    if (notes.size === 0) return;
    this.#underWay = notes;
    this.#writing = this.#write(files, encode(notes, this.#salt));
    try {
      await this.#writing;
    } catch (error) {
      for (const [index, ranges] of notes) if (!this.#wholes.has(index)) add(this.#parts, index, ranges);
      throw error;
    } finally {
      this.#underWay = new Map();
      this.#writing = undefined;
    }
  }

  /** Synchronous {@link flush}; repeats an asynchronous write in progress, which may never end. */
  flushSync(files: SpoolFiles): void {
    const notes = this.#take(true);
    for (const [index, ranges] of this.#underWay) add(notes, index, ranges);
    if (notes.size === 0) return;
    const bytes = encode(notes, this.#salt);
    const at = this.bytes;
    this.bytes += bytes.length;
    const fd = this.#openSync(files, at === 0);
    try {
      writeFullySync(files, fd, bytes, at);
    } finally {
      files.closeSync(fd);
    }
  }

  #take(withParts: boolean): Notes {
    const notes = this.#wholes;
    this.#wholes = new Map();
    if (!withParts) return notes;
    for (const [index, ranges] of this.#parts) add(notes, index, ranges);
    this.#parts = new Map();
    return notes;
  }

  /** Never truncates: another write may just have created the file. */
  async #open(files: SpoolFiles, isNew: boolean): Promise<number> {
    let flags: OpenFlags = isNew ? 'wx' : 'r+';
    for (let tries = 1; ; tries++) {
      try {
        return await files.open(this.#path, flags, FILE_MODE);
      } catch (error) {
        if (tries === MAX_TRIES) throw error;
        if (isForeign(error)) await files.unlink(this.#path);
        flags = flagsAfter(error);
      }
    }
  }

  #openSync(files: SpoolFiles, isNew: boolean): number {
    let flags: OpenFlags = isNew ? 'wx' : 'r+';
    for (let tries = 1; ; tries++) {
      try {
        return files.openSync(this.#path, flags, FILE_MODE);
      } catch (error) {
        if (tries === MAX_TRIES) throw error;
        if (isForeign(error)) files.unlinkSync(this.#path);
        flags = flagsAfter(error);
      }
    }
  }

  async #write(files: SpoolFiles, bytes: Buffer): Promise<void> {
    const at = this.bytes;
    this.bytes += bytes.length;
    try {
      const fd = await this.#open(files, at === 0);
      try {
        await writeFully(files, fd, [bytes], at);
      } finally {
        await files.close(fd);
      }
    } catch (error) {
      if (this.bytes === at + bytes.length) this.bytes = at;
      throw error;
    }
  }
}

/** @throws the error, if it is not that there was a file, or none, or something else in its place. */
function flagsAfter(error: unknown): OpenFlags {
  if (codeOf(error) === 'EEXIST') return 'r+';
  if (isMissing(error) || isForeign(error)) return 'wx';
  throw error;
}

function add(notes: Notes, index: number, ranges: readonly RecordRange[]): void {
  notes.set(index, [...(notes.get(index) ?? []), ...ranges]);
}

function countOf(notes: Notes): number {
  let count = 0;
  for (const ranges of notes.values()) count += ranges.length;
  return count;
}

function encode(notes: Notes, salt: number): Buffer {
  const bytes = Buffer.alloc(countOf(notes) * ACK_BYTES);
  let at = 0;
  for (const [index, ranges] of notes) {
    for (const [first, records] of ranges) {
      writeAck(bytes, at, salt, index, first, records);
      at += ACK_BYTES;
    }
  }
  return bytes;
}
