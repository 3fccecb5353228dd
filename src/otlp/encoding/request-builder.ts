/** Lays out the body of an OTLP request: encoded records within their resources and scopes. */

import { lengthBytes, WireWriter } from '../../protobuf/wire-writer.ts';
import type { Envelope, EnvelopeEncoder } from './envelope-encoder.ts';
import type { RecordGroup } from './record-groups.ts';
import { RESOURCE_LOGS, SCOPE_LOGS } from './tags.ts';

/** A request with room for its records. */
export interface Layout {
  readonly request: Buffer;
  /** Start of the records of each group. */
  readonly positions: number[];
}

export function layOut(envelopes: EnvelopeEncoder, groups: readonly RecordGroup[]): Layout {
  const sections = groups.map((group, index) => {
    const envelope = envelopes.scopeEnvelope(group.scope);
    return { group, index, envelope, bytes: envelope.bytes + group.recordBytes };
  });
  const byResource = Map.groupBy(
    sections.filter(({ group }) => group.records > 0),
    ({ group }) => group.resource,
  );
  const resources = Array.from(byResource, ([resource, scopes]) => {
    const envelope = envelopes.resourceEnvelope(resource);
    return {
      envelope,
      scopes,
      bytes: scopes.reduce((sum, { bytes }) => sum + fieldBytes(bytes), envelope.bytes),
    };
  });
  const writer = new WireWriter(resources.reduce((sum, { bytes }) => sum + fieldBytes(bytes), 0));
  const positions: number[] = new Array(groups.length).fill(0);
  for (const { envelope, scopes, bytes } of resources) {
    writer.delimited(RESOURCE_LOGS, bytes);
    writer.raw(envelope.head);
    for (const scope of scopes) {
      writer.delimited(SCOPE_LOGS, scope.bytes);
      writer.raw(scope.envelope.head);
      positions[scope.index] = writer.position;
      writer.skip(scope.group.recordBytes);
      writer.raw(scope.envelope.tail);
    }
    writer.raw(envelope.tail);
  }
  return { request: writer.buffer.subarray(0, writer.position), positions };
}

/** The bytes around the records of a request with one group: written in place, they save copying the records. */
export function envelopeAround(
  envelopes: EnvelopeEncoder,
  group: RecordGroup,
): Pick<Envelope, 'head' | 'tail'> {
  const resource = envelopes.resourceEnvelope(group.resource);
  const scope = envelopes.scopeEnvelope(group.scope);
  const scopeBytes = scope.bytes + group.recordBytes;
  const writer = new WireWriter(resource.head.length + scope.head.length + 16);
  writer.delimited(RESOURCE_LOGS, resource.bytes + fieldBytes(scopeBytes));
  writer.raw(resource.head);
  writer.delimited(SCOPE_LOGS, scopeBytes);
  writer.raw(scope.head);
  return {
    head: writer.buffer.subarray(0, writer.position),
    tail: Buffer.concat([scope.tail, resource.tail]),
  };
}

function fieldBytes(bytes: number): number {
  return 1 + lengthBytes(bytes) + bytes;
}
