/** Encodes where records come from, resource and instrumentation scope, once for all records that share them. */

import { WireWriter } from '../../protobuf/wire-writer.ts';
import type { EmittedRecord } from '../../queue/log-batch.ts';
import { cutString, ValueCopier } from '../../records/value-copy.ts';
import {
  RESOURCE_ATTRIBUTES,
  RESOURCE_OR_SCOPE,
  SCHEMA_URL,
  SCOPE_ATTRIBUTES,
  SCOPE_DROPPED_ATTRIBUTES,
  SCOPE_NAME,
  SCOPE_VERSION,
} from './tags.ts';
import { writeAttributes } from './value-encoder.ts';

type Resource = EmittedRecord['resource'];
/** The scope as the SDK has it: attributes and their count are not in the type of every release. */
type Scope = EmittedRecord['instrumentationScope'] & {
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly droppedAttributesCount?: number;
};

/** The fields of a message that stand before and after the ones that are repeated. */
export interface Envelope {
  readonly head: Buffer;
  readonly tail: Buffer;
  /** Of both together. */
  readonly bytes: number;
}

/** Attributes that take more are cut to about this: every request would carry them. */
const MAX_ATTRIBUTES_BYTES = 1024 * 1024;
/** A longer name, version or schema URL is cut. */
const MAX_NAME_BYTES = 256 * 1024;

/**
 * Keyed by identity, as the SDK hands out one object per resource and per logger. Never throws: with a
 * source that cannot be encoded all records of it would be lost.
 */
export class EnvelopeEncoder {
  readonly #resources = new WeakMap<Resource, Envelope>();
  readonly #scopes = new WeakMap<Scope, Envelope>();

  /** @returns a resource that is nothing but these fields of ResourceLogs. */
  resourceOf(envelope: Envelope): Resource {
    const resource = {} as Resource;
    this.#resources.set(resource, envelope);
    return resource;
  }

  /** @returns a scope that is nothing but these fields of ScopeLogs. */
  scopeOf(envelope: Envelope): Scope {
    const scope = {} as Scope;
    this.#scopes.set(scope, envelope);
    return scope;
  }

  /** A resource whose attributes are not all there yet is encoded as it is now, and not remembered. */
  resourceEnvelope(resource: Resource): Envelope {
    const known = this.#resources.get(resource);
    if (known !== undefined) return known;
    const envelope = envelopeOf(
      (writer) => writeReadable(writer, RESOURCE_ATTRIBUTES, () => resource.attributes),
      () => resource.schemaUrl,
    );
    if (isObject(resource) && !isPending(resource)) this.#resources.set(resource, envelope);
    return envelope;
  }

  scopeEnvelope(scope: Scope): Envelope {
    const known = this.#scopes.get(scope);
    if (known !== undefined) return known;
    const envelope = envelopeOf(
      (writer) => {
        writeName(writer, SCOPE_NAME, () => scope.name);
        writeName(writer, SCOPE_VERSION, () => scope.version);
        writeReadable(writer, SCOPE_ATTRIBUTES, () => scope.attributes);
        const dropped = read(() => scope.droppedAttributesCount);
        if (typeof dropped === 'number' && dropped > 0) {
          writer.ensure(1);
          writer.byte(SCOPE_DROPPED_ATTRIBUTES);
          writer.varint32(dropped);
        }
      },
      () => scope.schemaUrl,
    );
    if (isObject(scope)) this.#scopes.set(scope, envelope);
    return envelope;
  }
}

/** Whether attributes of the resource are still to come. */
export function isPending(resource: Resource): boolean {
  return read(() => resource.asyncAttributesPending) === true;
}

function envelopeOf(writeFields: (writer: WireWriter) => void, schemaUrl: () => unknown): Envelope {
  const writer = new WireWriter(256);
  writer.byte(RESOURCE_OR_SCOPE);
  const start = writer.beginLength(1);
  writeFields(writer);
  writer.endLength(start, 1);
  const headBytes = writer.position;
  writeName(writer, SCHEMA_URL, schemaUrl);
  const bytes = writer.position;
  return {
    head: writer.buffer.subarray(0, headBytes),
    tail: writer.buffer.subarray(headBytes, bytes),
    bytes,
  };
}

function writeName(writer: WireWriter, tag: number, get: () => unknown): void {
  const name = read(get);
  if (typeof name !== 'string' || name === '') return;
  writer.ensure(1);
  writer.byte(tag);
  writer.string(cutString(name, MAX_NAME_BYTES));
}

function writeReadable(writer: WireWriter, tag: number, get: () => unknown): void {
  const attributes = read(get);
  if (!isObject(attributes)) return;
  const start = writer.position;
  writer.limit = start + MAX_ATTRIBUTES_BYTES;
  try {
    writeAttributes(writer, tag, attributes as Record<string, unknown>);
    return;
  } catch {
    // One of them cannot be read, or is circular, or too large: the copy has less of it.
    writer.position = start;
  } finally {
    writer.limit = Number.POSITIVE_INFINITY;
  }
  const copy = new ValueCopier(MAX_ATTRIBUTES_BYTES).copy(attributes);
  if (isObject(copy)) writeAttributes(writer, tag, copy as Record<string, unknown>);
}

/** What cannot be read is not there. */
function read<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
