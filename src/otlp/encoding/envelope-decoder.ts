/** Decodes resources and instrumentation scopes from the fields around their records. */

import { WireReader } from '../../protobuf/wire-reader.ts';
import type { Envelope } from './envelope-encoder.ts';
import type { Resource, Scope } from './record-groups.ts';
import {
  RESOURCE_ATTRIBUTES,
  RESOURCE_OR_SCOPE,
  SCHEMA_URL,
  SCOPE_ATTRIBUTES,
  SCOPE_DROPPED_ATTRIBUTES,
  SCOPE_NAME,
  SCOPE_VERSION,
} from './tags.ts';
import { readAttribute } from './value-decoder.ts';

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
