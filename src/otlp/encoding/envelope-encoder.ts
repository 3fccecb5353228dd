/** Encodes resources and instrumentation scopes, once for all records that share them. */

import { WireWriter } from '../../protobuf/wire-writer.ts';
import type { EmittedRecord } from '../../queue/log-batch.ts';
import { isObject } from '../../records/plain-value.ts';
import { cutString, setOwn, ValueCopier } from '../../records/value-copy.ts';
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
/** Not every release of the SDK has attributes and their count in the type. */
type Scope = EmittedRecord['instrumentationScope'] & {
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly droppedAttributesCount?: number;
};

/** The fields of a message before and after its repeated field. */
export interface Envelope {
  readonly head: Buffer;
  readonly tail: Buffer;
  readonly bytes: number;
}

/** Larger attributes are cut to about this: every request would carry them. */
const MAX_ATTRIBUTES_BYTES = 1024 * 1024;
/** Limit for a name, a version or a schema URL. */
const MAX_NAME_BYTES = 256 * 1024;

/** Caches by identity, as the SDK reuses these objects. Never throws: an error would lose all records of a source. */
export class EnvelopeEncoder {
  readonly #resources = new WeakMap<Resource, Envelope>();
  readonly #scopes = new WeakMap<Scope, Envelope>();

  /** @returns a stand-in for a resource of which only these encoded fields are known. */
  resourceOf(envelope: Envelope): Resource {
    const resource = {} as Resource;
    this.#resources.set(resource, envelope);
    return resource;
  }

  scopeOf(envelope: Envelope): Scope {
    const scope = {} as Scope;
    this.#scopes.set(scope, envelope);
    return scope;
  }

  /** A resource with pending attributes is encoded as it is now, and not cached. */
  resourceEnvelope(resource: Resource): Envelope {
    const known = this.#resources.get(resource);
    if (known !== undefined) return known;
    const envelope = envelopeOf(
      (writer) => writeReadable(writer, RESOURCE_ATTRIBUTES, () => attributesNow(resource)),
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

export function isPending(resource: Resource): boolean {
  return read(() => resource.asyncAttributesPending) === true;
}

/**
 * Of a pending resource what is known so far. It is read as the SDK reads it (the first of a name wins), but by
 * itself: the SDK's own getter reports an error as long as attributes are pending.
 */
function attributesNow(resource: Resource): unknown {
  if (!isPending(resource) || typeof resource.getRawAttributes !== 'function') return resource.attributes;
  const attributes: Record<string, unknown> = {};
  for (const [key, value] of resource.getRawAttributes()) {
    const isKnown = value !== undefined && value !== null && !isPromiseLike(value);
    if (isKnown && !Object.hasOwn(attributes, key)) setOwn(attributes, key, value);
  }
  return attributes;
}

function isPromiseLike(value: unknown): boolean {
  return isObject(value) && typeof (value as { then?: unknown }).then === 'function';
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
    // An attribute is unreadable, circular or too large: the copy leaves it out or shortens it.
    writer.position = start;
  } finally {
    writer.limit = Number.POSITIVE_INFINITY;
  }
  const copy = new ValueCopier(MAX_ATTRIBUTES_BYTES).copy(attributes);
  if (isObject(copy)) writeAttributes(writer, tag, copy as Record<string, unknown>);
}

/** Unreadable values count as absent. */
function read<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}
