/** Groups the records of a batch by resource and scope, and counts the bytes of their request. */

import type { EmittedRecord } from '../../queue/log-batch.ts';
import type { EnvelopeEncoder } from './envelope-encoder.ts';

export type Resource = EmittedRecord['resource'];
export type Scope = EmittedRecord['instrumentationScope'];

/** Tag and length of one ResourceLogs or ScopeLogs, at most. */
const FRAMING_BYTES = 6;

/** Up to this many groups, a linear search is faster than a map. */
const FEW_GROUPS = 8;

/** `bytes` is added to a request while the resource has records. */
interface CountedResource {
  readonly bytes: number;
  /** By scope, the index of its group. */
  readonly indexes: Map<Scope, number>;
  /** Number of its groups that have records. */
  groups: number;
}

export interface RecordGroup {
  readonly resource: Resource;
  readonly scope: Scope;
  readonly records: number;
  /** Without resource and scope. */
  readonly recordBytes: number;
}

interface CountedGroup extends RecordGroup {
  readonly counted: CountedResource;
  /** Added to a request by the scope while the group has records. */
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

  /** Searches backwards: the last group nearly always matches. @returns -1 if there is none. */
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

  /** The indexes of the groups that have records, in the order of a request: those of one resource together. */
  inRequestOrder(): number[] {
    const groups = this.#groups
      .map((group, index) => ({ group, index }))
      .filter(({ group }) => group.records > 0);
    const byResource = Map.groupBy(groups, ({ group }) => group.resource);
    return Array.from(byResource.values()).flatMap((ofResource) => ofResource.map(({ index }) => index));
  }

  /** Keeps the groups at these indexes, in this order. The others must be without records. */
  arrange(indexes: readonly number[]): void {
    this.#groups = indexes.map((index) => this.#groups[index] as CountedGroup);
    for (const { indexes: ofResource } of this.#resources.values()) ofResource.clear();
    for (const [index, { counted, scope }] of this.#groups.entries()) counted.indexes.set(scope, index);
  }

  /** Adds an empty group. @returns the bytes that it would add to a request as its only group. */
  open(resource: Resource, scope: Scope): number {
    const counted = this.#resources.get(resource) ?? this.#opensResource(resource);
    const bytes = FRAMING_BYTES + this.#envelopes.scopeEnvelope(scope).bytes;
    counted.indexes.set(scope, this.#groups.length);
    this.#groups.push({ resource, scope, counted, bytes, records: 0, recordBytes: 0 });
    return counted.bytes + bytes;
  }

  /** @returns the growth of `bytes`. */
  entered(index: number, recordBytes: number): number {
    const group = this.#groups[index] as CountedGroup;
    group.recordBytes += recordBytes;
    const bytes = group.records++ === 0 ? recordBytes + this.#opened(group) : recordBytes;
    this.bytes += bytes;
    return bytes;
  }

  /** @returns the decrease of `bytes`. */
  left(index: number, recordBytes: number): number {
    const group = this.#groups[index] as CountedGroup;
    group.recordBytes -= recordBytes;
    const bytes = --group.records === 0 ? recordBytes + this.#closed(group) : recordBytes;
    this.bytes -= bytes;
    return bytes;
  }

  #opensResource(resource: Resource): CountedResource {
    const bytes = FRAMING_BYTES + this.#envelopes.resourceEnvelope(resource).bytes;
    const counted = { bytes, indexes: new Map<Scope, number>(), groups: 0 };
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
