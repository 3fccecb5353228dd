/** Which resource and scope the records of a batch belong to, and what those add to a request. */

import type { EmittedRecord } from '../queue/log-batch.ts';
import type { SourceEncoder } from './source-encoder.ts';

export type Resource = EmittedRecord['resource'];
export type Scope = EmittedRecord['instrumentationScope'];

/** The tag and the length of one ResourceLogs, or of one ScopeLogs, at most. */
const FRAMING_BYTES = 6;

/** A resource, with what it adds to a request as long as there are records of it. */
interface CountedResource {
  readonly resource: Resource;
  readonly bytes: number;
  /** How many of its groups have records. */
  groups: number;
}

/** Records that share a resource and a scope. */
export interface RecordGroup {
  readonly resource: Resource;
  readonly scope: Scope;
  readonly records: number;
  /** Of the records alone. */
  readonly recordBytes: number;
}

interface CountedGroup extends RecordGroup {
  readonly source: CountedResource;
  /** What the scope adds to a request as long as the group has records. */
  readonly bytes: number;
  records: number;
  recordBytes: number;
}

/** Invariant: `bytes` is the sum of all records, of the scopes that have records, and of their resources, each once. */
export class RecordGroups {
  readonly #sources: SourceEncoder;
  readonly #groups: CountedGroup[] = [];
  bytes = 0;

  constructor(sources: SourceEncoder) {
    this.#sources = sources;
  }

  get all(): readonly RecordGroup[] {
    return this.#groups;
  }

  /** The index of the group, nearly always that of the record before; -1 if there is none yet. */
  indexOf(resource: Resource, scope: Scope): number {
    const groups = this.#groups;
    let index = groups.length - 1;
    while (index >= 0) {
      const group = groups[index] as CountedGroup;
      if (group.scope === scope && group.resource === resource) break;
      index--;
    }
    return index;
  }

  /** Opens a group without records. @returns what it adds to a request if it is the only one. */
  open(resource: Resource, scope: Scope): number {
    const source = this.#groups.find((group) => group.resource === resource)?.source ?? {
      resource,
      bytes: FRAMING_BYTES + this.#sources.resourceFrame(resource).bytes,
      groups: 0,
    };
    const bytes = FRAMING_BYTES + this.#sources.scopeFrame(scope).bytes;
    this.#groups.push({ resource, scope, source, bytes, records: 0, recordBytes: 0 });
    return source.bytes + bytes;
  }

  /** Counts a record. @returns by how much `bytes` has grown. */
  entered(index: number, recordBytes: number): number {
    const group = this.#groups[index] as CountedGroup;
    group.recordBytes += recordBytes;
    const bytes = group.records++ === 0 ? recordBytes + this.#opened(group) : recordBytes;
    this.bytes += bytes;
    return bytes;
  }

  /** Counts a record no more. @returns by how much `bytes` has shrunk. */
  left(index: number, recordBytes: number): number {
    const group = this.#groups[index] as CountedGroup;
    group.recordBytes -= recordBytes;
    const bytes = --group.records === 0 ? recordBytes + this.#closed(group) : recordBytes;
    this.bytes -= bytes;
    return bytes;
  }

  #opened({ source, bytes }: CountedGroup): number {
    return source.groups++ === 0 ? bytes + source.bytes : bytes;
  }

  #closed({ source, bytes }: CountedGroup): number {
    return --source.groups === 0 ? bytes + source.bytes : bytes;
  }
}
