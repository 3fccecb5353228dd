/** Decodes the structure of an OTLP request: its sections, their envelopes, and what these say of resources and scopes. */

import { WireReader } from '../../protobuf/wire-reader.ts';
import type { Envelope } from './envelope-encoder.ts';
import type { Resource, Scope } from './record-groups.ts';
import {
  LOG_RECORDS,
  RESOURCE_ATTRIBUTES,
  RESOURCE_LOGS,
  RESOURCE_OR_SCOPE,
  SCHEMA_URL,
  SCOPE_ATTRIBUTES,
  SCOPE_DROPPED_ATTRIBUTES,
  SCOPE_LOGS,
  SCOPE_NAME,
  SCOPE_VERSION,
} from './tags.ts';
import { readAttribute } from './value-decoder.ts';

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

type Attributes = Record<string, unknown>;

/** Decodes the fields of `ResourceLogs`. @throws RangeError if they are invalid. */
export function resourceOf({ head, tail }: Envelope): StoredResource {
  const attributes: Attributes = {};
  let schemaUrl: string | undefined;
  for (const fields of [head, tail]) {
    const reader = new WireReader(fields);
    while (reader.next()) {
      if (reader.tag === SCHEMA_URL) schemaUrl = reader.text() || undefined;
      else if (reader.tag === RESOURCE_OR_SCOPE) readResource(reader, attributes);
      else reader.skip();
    }
  }
  return new StoredResource(attributes as Resource['attributes'], schemaUrl);
}

function readResource(reader: WireReader, attributes: Attributes): void {
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === RESOURCE_ATTRIBUTES) readAttribute(reader, attributes);
    else reader.skip();
  }
  reader.leave(outer);
}

/** Decodes the fields of `ScopeLogs`. @throws RangeError if they are invalid. */
export function scopeOf({ head, tail }: Envelope): Scope {
  const scope: StoredScope = { name: '' };
  for (const fields of [head, tail]) {
    const reader = new WireReader(fields);
    while (reader.next()) {
      if (reader.tag === SCHEMA_URL) scope.schemaUrl = reader.text();
      else if (reader.tag === RESOURCE_OR_SCOPE) readScope(reader, scope);
      else reader.skip();
    }
  }
  return scope;
}

interface StoredScope {
  name: string;
  version?: string;
  schemaUrl?: string;
  attributes?: Attributes;
  droppedAttributesCount?: number;
}

function readScope(reader: WireReader, scope: StoredScope): void {
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.tag) {
      case SCOPE_NAME:
        scope.name = reader.text();
        break;
      case SCOPE_VERSION:
        scope.version = reader.text();
        break;
      case SCOPE_ATTRIBUTES:
        scope.attributes ??= {};
        readAttribute(reader, scope.attributes);
        break;
      case SCOPE_DROPPED_ATTRIBUTES:
        scope.droppedAttributesCount = reader.varint32();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
}

type ResourceAttributes = Resource['attributes'];

/** Everything that exporters and processors read of a resource; the SDK offers no class for it. */
export class StoredResource implements Resource {
  readonly attributes: ResourceAttributes;
  readonly schemaUrl?: string;
  readonly asyncAttributesPending = false;

  constructor(attributes: ResourceAttributes, schemaUrl: string | undefined) {
    this.attributes = attributes;
    if (schemaUrl !== undefined) this.schemaUrl = schemaUrl;
  }

  async waitForAsyncAttributes(): Promise<void> {}

  getRawAttributes(): [string, ResourceAttributes[string]][] {
    return Object.entries(this.attributes);
  }

  /** Attributes of `other` win; different schema URLs give none (specification, Resource SDK, "Merge"). */
  merge(other: Resource | null): Resource {
    if (other === null || other === undefined) return this;
    const schemaUrl = this.schemaUrl || other.schemaUrl;
    const isConflict = other.schemaUrl && schemaUrl !== other.schemaUrl;
    return new StoredResource(
      { ...this.attributes, ...other.attributes },
      isConflict ? undefined : schemaUrl,
    );
  }
}
