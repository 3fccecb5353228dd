/** Files and directories of a simulated disk, and what of a file's bytes a loss of power may take. */

/** What is not synced is on the disk after so long all the same. */
export const WRITE_BACK_MILLIS = 30_000;

/** One write since the last sync: enough to take it back. */
interface UnsyncedWrite {
  readonly at: number;
  readonly position: number;
  readonly bytes: number;
  /** What it was written over; the file's size ended the rest. */
  readonly before: Buffer;
  readonly sizeBefore: number;
}

export class DirectoryNode {
  readonly isDirectory = true;
  readonly size = 4096;
  mode: number;
  parent: DirectoryNode | undefined;
  readonly entries = new Map<string, DiskNode>();

  constructor(mode: number, parent: DirectoryNode | undefined) {
    this.mode = mode;
    this.parent = parent;
  }
}

const FIRST_BYTES = 512;

export class FileNode {
  readonly isDirectory = false;
  mode: number;
  size = 0;
  /** How many names it has: none when it was unlinked. */
  names = 0;
  /** How many file descriptors are open on it. */
  openings = 0;
  #data: Buffer = Buffer.alloc(0);
  #unsynced: UnsyncedWrite[] = [];

  constructor(mode: number) {
    this.mode = mode;
  }

  /** A copy of its content. */
  get content(): Buffer {
    return Buffer.from(this.#data.subarray(0, this.size));
  }

  /** @returns the bytes read. */
  read(buffer: Uint8Array, position: number): number {
    const bytes = Math.max(0, Math.min(buffer.byteLength, this.size - position));
    buffer.set(this.#data.subarray(position, position + bytes));
    return bytes;
  }

  /** @param at when, on the disk's clock. */
  write(bytes: Uint8Array, position: number, at: number): void {
    if (bytes.byteLength === 0) return;
    this.#writeBack(at);
    const end = position + bytes.byteLength;
    this.#unsynced.push({
      at,
      position,
      bytes: bytes.byteLength,
      before: Buffer.from(this.#data.subarray(position, Math.max(position, Math.min(end, this.size)))),
      sizeBefore: this.size,
    });
    this.#put(bytes, position);
  }

  sync(): void {
    this.#unsynced = [];
  }

  /** Of each write that was not synced all, a part or nothing is left; the file may have grown although it is lost. */
  losePower(now: number, random: () => number): void {
    this.#writeBack(now);
    const writes = this.#unsynced;
    this.#unsynced = [];
    const written: Buffer[] = [];
    for (const { position, bytes, before, sizeBefore } of writes.toReversed()) {
      // Those after it have been taken back: here is what it wrote, and no more than that.
      written.unshift(Buffer.from(this.#data.subarray(position, position + bytes)));
      before.copy(this.#data, position);
      this.size = sizeBefore;
    }
    for (const [index, { position, bytes }] of writes.entries()) {
      const left = partOf(bytes, random);
      this.#put((written[index] as Buffer).subarray(0, left), position);
      // The size may be on the disk without the bytes: zeros.
      if (left < bytes && random() < 0.5) this.#grow(position + bytes);
    }
  }

  #writeBack(now: number): void {
    while (now - (this.#unsynced[0]?.at ?? now) > WRITE_BACK_MILLIS) this.#unsynced.shift();
  }

  #put(bytes: Uint8Array, position: number): void {
    if (bytes.byteLength === 0) return;
    this.#grow(position + bytes.byteLength);
    this.#data.set(bytes, position);
  }

  /** What is between the old end and the new one is zeros. */
  #grow(size: number): void {
    if (size <= this.size) return;
    if (size > this.#data.byteLength) {
      const larger = Buffer.allocUnsafe(Math.max(FIRST_BYTES, size, 2 * this.#data.byteLength));
      this.#data.copy(larger, 0, 0, this.size);
      this.#data = larger;
    }
    this.#data.fill(0, this.size, size);
    this.size = size;
  }
}

export type DiskNode = DirectoryNode | FileNode;

/** All, nothing, or a part from the beginning: each with the same chance. */
export function partOf(bytes: number, random: () => number): number {
  const chance = random();
  if (chance < 1 / 3) return 0;
  if (chance < 2 / 3) return bytes;
  return Math.floor(random() * bytes);
}
