/** The headers of a segment's frames in one buffer: 80 bytes for each frame, including its offset. */

import type { SeverityCounts } from '../../common/severity-counts.ts';
import { FRAME_HEADER_BYTES, frameField } from './layout.ts';

const FIRST_ROWS = 16;

/** A frame's position is its row, not its index: frames of a damaged file may be missing. */
export class FrameTable {
  #headers = Buffer.alloc(0);
  #offsets = new Float64Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds a frame whose index is above all previous ones. @param offset in the file. @returns its position. */
  add(header: Uint8Array, offset: number): number {
    if (this.#length === this.#offsets.length) this.#grow();
    this.#headers.set(header, this.#length * FRAME_HEADER_BYTES);
    this.#offsets[this.#length] = offset;
    return this.#length++;
  }

  offset(position: number): number {
    return this.#offsets[position] as number;
  }

  index(position: number): number {
    return frameField.index(this.#headers, position * FRAME_HEADER_BYTES);
  }

  payloadBytes(position: number): number {
    return frameField.payloadBytes(this.#headers, position * FRAME_HEADER_BYTES);
  }

  payloadCrc(position: number): number {
    return frameField.payloadCrc(this.#headers, position * FRAME_HEADER_BYTES);
  }

  records(position: number): number {
    return frameField.records(this.#headers, position * FRAME_HEADER_BYTES);
  }

  severities(position: number): SeverityCounts {
    return frameField.severities(this.#headers, position * FRAME_HEADER_BYTES);
  }

  attempts(position: number): number {
    return frameField.attempts(this.#headers, position * FRAME_HEADER_BYTES);
  }

  openedAtUnixMillis(position: number): number {
    return frameField.openedAtUnixMillis(this.#headers, position * FRAME_HEADER_BYTES);
  }

  isProtected(position: number): boolean {
    return frameField.isProtected(this.#headers, position * FRAME_HEADER_BYTES);
  }

  positionOf(index: number): number | undefined {
    let low = 0;
    let high = this.#length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.index(middle);
      if (found === index) return middle;
      if (found < index) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  #grow(): void {
    const rows = Math.max(FIRST_ROWS, this.#length * 2);
    const headers = Buffer.alloc(rows * FRAME_HEADER_BYTES);
    headers.set(this.#headers);
    this.#headers = headers;
    const offsets = new Float64Array(rows);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
  }
}
