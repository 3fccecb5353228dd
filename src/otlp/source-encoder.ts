/** Encodes where records come from, resource and instrumentation scope, once for all records that share them. */

import type { EmittedRecord } from '../queue/log-batch.ts';
import { writeAttributes } from './value-encoder.ts';
import { WireWriter } from './wire-writer.ts';

type Resource = EmittedRecord['resource'];
/** The scope as the SDK has it: attributes and their count are not in the type of every release. */
type Scope = EmittedRecord['instrumentationScope'] & {
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly droppedAttributesCount?: number;
};

/** The fields of a message that stand before and after the ones that are repeated. */
export interface Frame {
  readonly head: Buffer;
  readonly tail: Buffer;
}

/*
 * ResourceLogs { Resource resource = 1; …; string schema_url = 3 }
 * ScopeLogs { InstrumentationScope scope = 1; …; string schema_url = 3 }
 * Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2 }
 * InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3;
 *   uint32 dropped_attributes_count = 4 }
 */
const MESSAGE = 0x0a;
const SCHEMA_URL = 0x1a;
const RESOURCE_ATTRIBUTES = 0x0a;
const SCOPE_NAME = 0x0a;
const SCOPE_VERSION = 0x12;
const SCOPE_ATTRIBUTES = 0x1a;
const SCOPE_DROPPED_ATTRIBUTES = 0x20;

const EMPTY = Buffer.alloc(0);

/** Keyed by identity, as the SDK hands out one object per resource and per logger. */
export class SourceEncoder {
  readonly #resources = new WeakMap<Resource, Frame>();
  readonly #scopes = new WeakMap<Scope, Frame>();

  /** A resource whose attributes are not all there yet is encoded as it is now, and not remembered. */
  resourceFrame(resource: Resource): Frame {
    const known = this.#resources.get(resource);
    if (known !== undefined) return known;
    const frame = {
      head: message((writer) => writeAttributes(writer, RESOURCE_ATTRIBUTES, resource?.attributes ?? {})),
      tail: textField(SCHEMA_URL, resource?.schemaUrl),
    };
    if (resource && !resource.asyncAttributesPending) this.#resources.set(resource, frame);
    return frame;
  }

  scopeFrame(scope: Scope): Frame {
    const known = this.#scopes.get(scope);
    if (known !== undefined) return known;
    const frame = {
      head: message((writer) => {
        writeText(writer, SCOPE_NAME, scope?.name);
        writeText(writer, SCOPE_VERSION, scope?.version);
        writeAttributes(writer, SCOPE_ATTRIBUTES, scope?.attributes ?? {});
        const dropped = scope?.droppedAttributesCount ?? 0;
        if (dropped > 0) {
          writer.ensure(16);
          writer.byte(SCOPE_DROPPED_ATTRIBUTES);
          writer.varint(dropped);
        }
      }),
      tail: textField(SCHEMA_URL, scope?.schemaUrl),
    };
    if (scope) this.#scopes.set(scope, frame);
    return frame;
  }
}

function message(write: (writer: WireWriter) => void): Buffer {
  const writer = new WireWriter(256);
  writer.byte(MESSAGE);
  const start = writer.beginLength();
  write(writer);
  writer.endLength(start);
  return writer.buffer.subarray(0, writer.position);
}

function textField(tag: number, text: string | undefined): Buffer {
  if (!text) return EMPTY;
  const writer = new WireWriter(text.length * 3 + 16);
  writeText(writer, tag, text);
  return writer.buffer.subarray(0, writer.position);
}

function writeText(writer: WireWriter, tag: number, text: string | undefined): void {
  if (!text) return;
  writer.ensure(16);
  writer.byte(tag);
  writer.string(text);
}
