/** Which resource and scope the records of a batch belong to, and what those add to a request. */

import type { EmittedRecord } from '../../queue/log-batch.ts';
import type { EnvelopeEncoder } from './envelope-encoder.ts';

export type Resource = EmittedRecord['resource'];
export type Scope = EmittedRecord['instrumentationScope'];

/** The tag and the length of one ResourceLogs, or of one ScopeLogs, at most. */
const FRAMING_BYTES = 6;

/** So many groups are looked through one by one, which is faster than a map. */
const FEW_GROUPS = 8;

/** A resource, with what it adds to a request as long as there are records of it. */
interface CountedResource {
  readonly resource: Resource;
  readonly bytes: number;
  /** The indexes of its groups. */
  readonly indexes: Map<Scope, number>;
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
  readonly counted: CountedResource;
  /** What the scope adds to a request as long as the group has records. */
  readonly bytes: number;
  records: number;
  recordBytes: number;
}

/** Invariant: `bytes` is the sum of all records, of the scopes that have records, and of their resources, each once. */
export class RecordGroups {
  readonly #envelopes: EnvelopeEncoder;
  readonly #resources = new Map<Resource, CountedResource>();
  #groups: CountedGroup[] = [];
  bytes = 0;

  constructor(envelopes: EnvelopeEncoder) {
    this.#envelopes = envelopes;
  }

  get all(): readonly RecordGroup[] {
    return this.#groups;
  }

  /** The index of the group, nearly always that of the record before; -1 if there is none yet. */
  indexOf(resource: Resource, scope: Scope): number {
    const groups = this.#groups;
    const last = groups.length - 1;
    const end = Math.max(last - FEW_GROUPS, -1);
    for (let index = last; index > end; index--) {
      const group = groups[index] as CountedGroup;
      if (group.scope === scope && group.resource === resource) return index;
    }
    return end < 0 ? -1 : (this.#resources.get(resource)?.indexes.get(scope) ?? -1);
  }

  /**
   * The indexes of the groups that have records, in the order a request has them: those of one resource
   * together.
   */
  inRequestOrder(): number[] {
    const groups = this.#groups
      .map((group, index) => ({ group, index }))
      .filter(({ group }) => group.records > 0);
    const byResource = Map.groupBy(groups, ({ group }) => group.resource);
    return Array.from(byResource.values()).flatMap((ofResource) => ofResource.map(({ index }) => index));
  }

  /** Keeps the groups at these indexes, in this order. Those left out must be without records. */
  arrange(indexes: readonly number[]): void {
    this.#groups = indexes.map((index) => this.#groups[index] as CountedGroup);
    for (const { indexes: ofResource } of this.#resources.values()) ofResource.clear();
    for (const [index, { counted, scope }] of this.#groups.entries()) counted.indexes.set(scope, index);
  }

  /** Opens a group without records. @returns what it adds to a request if it is the only one. */
  open(resource: Resource, scope: Scope): number {
    const counted = this.#resources.get(resource) ?? this.#opensResource(resource);
    const bytes = FRAMING_BYTES + this.#envelopes.scopeEnvelope(scope).bytes;
    counted.indexes.set(scope, this.#groups.length);
    this.#groups.push({ resource, scope, counted, bytes, records: 0, recordBytes: 0 });
    return counted.bytes + bytes;
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

  #opensResource(resource: Resource): CountedResource {
    const bytes = FRAMING_BYTES + this.#envelopes.resourceEnvelope(resource).bytes;
    const counted = { resource, bytes, indexes: new Map<Scope, number>(), groups: 0 };
    this.#resources.set(resource, counted);
    return counted;
  }

  #opened({ counted, bytes }: CountedGroup): number {
    return counted.groups++ === 0 ? bytes + counted.bytes : bytes;
  }

  #closed({ counted, bytes }: CountedGroup): number {
    return --counted.groups === 0 ? bytes + counted.bytes : bytes;
  }
}
