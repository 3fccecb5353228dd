/** Splits the body of an OTLP request into resources, scopes and records, without decoding them. */

import { WireReader } from '../../protobuf/wire-reader.ts';
import type { Envelope } from './envelope-encoder.ts';
import { LOG_RECORDS, RESOURCE_LOGS, SCOPE_LOGS } from './tags.ts';

const EMPTY = Buffer.alloc(0);

/** In memory, of the place of a record, and of a resource or a scope. */
const RANGE_BYTES = 32;
const SECTION_BYTES = 512;

/** A message with a repeated field, and all other fields as they are, including unknown ones. */
interface Section {
  /** Shares memory with the request where possible. */
  readonly envelope: Envelope;
  /** Start and end of each occurrence of the repeated field, including its tag and length. */
  readonly ranges: readonly number[];
}

interface ResourceSection {
  readonly envelope: Envelope;
  readonly scopes: readonly Section[];
}

/** @throws RangeError if it is not a request; the content of records, resources and scopes is not validated. */
export function sectionsOf(request: Uint8Array): ResourceSection[] {
  const reader = new WireReader(request);
  return insideEach(reader, sectionAt(reader, RESOURCE_LOGS).ranges, () => {
    const { envelope, ranges } = sectionAt(reader, SCOPE_LOGS);
    return { envelope, scopes: insideEach(reader, ranges, () => sectionAt(reader, LOG_RECORDS)) };
  });
}

function insideEach<T>(reader: WireReader, ranges: readonly number[], read: () => T): T[] {
  const results: T[] = [];
  for (let index = 0; index < ranges.length; index += 2) {
    reader.position = ranges[index] as number;
    reader.limit = ranges[index + 1] as number;
    reader.next();
    reader.enter();
    reader.spend(SECTION_BYTES);
    results.push(read());
  }
  return results;
}

/** Reads a message with a repeated field of this tag, from the reader's position to its limit. */
function sectionAt(reader: WireReader, repeated: number): Section {
  const { buffer, limit } = reader;
  const ranges: number[] = [];
  let head: Buffer = EMPTY;
  const tails: Buffer[] = [];
  while (reader.position < limit) {
    const others = reader.position;
    let start = others;
    while (reader.next() && reader.tag >>> 3 !== repeated >>> 3) {
      reader.skip();
      start = reader.position;
    }
    const fields = buffer.subarray(others, start);
    if (ranges.length === 0) head = fields;
    else if (fields.length > 0) tails.push(fields);
    if (start === limit) break;
    if (reader.tag !== repeated) throw new RangeError('not an OTLP request: a message is no message');
    reader.skip();
    reader.spend(RANGE_BYTES);
    ranges.push(start, reader.position);
  }
  const tail = tails.length > 1 ? Buffer.concat(tails) : (tails[0] ?? EMPTY);
  return { envelope: { head, tail, bytes: head.length + tail.length }, ranges };
}
