/** Puts encoded records, with their resources and scopes around them, together as the body of an OTLP request. */

import type { EmittedRecord } from '../queue/log-batch.ts';
import type { Frame, SourceEncoder } from './source-encoder.ts';
import { lengthBytes, WireWriter } from './wire-writer.ts';

/** Records that share a resource and a scope. */
export interface RecordGroup {
  readonly resource: EmittedRecord['resource'];
  readonly scope: EmittedRecord['instrumentationScope'];
  readonly records: number;
}

/*
 * ExportLogsServiceRequest { repeated ResourceLogs resource_logs = 1 }
 * ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3 }
 * ScopeLogs { InstrumentationScope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3 }
 */
const RESOURCE_LOGS = 0x0a;
const SCOPE_LOGS = 0x12;

/** Tags and lengths of one ResourceLogs and one ScopeLogs at most. */
export const FRAMING_BYTES = 12;

/** A message whose repeated fields are given as parts that are encoded already. */
interface Section {
  readonly frame: Frame;
  readonly parts: readonly Buffer[];
  readonly bytes: number;
}

/** @param recordsOf the encoded `log_records` fields of a group, in order. */
export function buildRequest<G extends RecordGroup>(
  sources: SourceEncoder,
  groups: readonly G[],
  recordsOf: (group: G) => readonly Buffer[],
): Buffer {
  const byResource = new Map<G['resource'], Section[]>();
  for (const group of groups) {
    if (group.records === 0) continue;
    const scopes = byResource.get(group.resource) ?? [];
    byResource.set(group.resource, scopes);
    scopes.push(section(sources.scopeFrame(group.scope), recordsOf(group)));
  }
  const resources = Array.from(byResource, ([resource, scopes]) => ({
    frame: sources.resourceFrame(resource),
    scopes,
  }));
  const sized = resources.map(({ frame, scopes }) => ({
    frame,
    scopes,
    bytes: scopes.reduce((sum, { bytes }) => sum + fieldBytes(bytes), frame.head.length + frame.tail.length),
  }));
  const writer = new WireWriter(sized.reduce((sum, { bytes }) => sum + fieldBytes(bytes), 0));
  for (const { frame, scopes, bytes } of sized) {
    writer.delimited(RESOURCE_LOGS, bytes);
    writer.raw(frame.head);
    for (const scope of scopes) {
      writer.delimited(SCOPE_LOGS, scope.bytes);
      writer.raw(scope.frame.head);
      for (const part of scope.parts) writer.raw(part);
      writer.raw(scope.frame.tail);
    }
    writer.raw(frame.tail);
  }
  return writer.buffer.subarray(0, writer.position);
}

/**
 * What stands before and after the records of a request that has only one group: with it in place around the
 * records, no byte of them is copied.
 */
export function frameOf(sources: SourceEncoder, group: RecordGroup, recordBytes: number): Frame {
  const resource = sources.resourceFrame(group.resource);
  const scope = sources.scopeFrame(group.scope);
  const scopeBytes = scope.head.length + recordBytes + scope.tail.length;
  const writer = new WireWriter(FRAMING_BYTES + resource.head.length + scope.head.length);
  writer.delimited(RESOURCE_LOGS, resource.head.length + fieldBytes(scopeBytes) + resource.tail.length);
  writer.raw(resource.head);
  writer.delimited(SCOPE_LOGS, scopeBytes);
  writer.raw(scope.head);
  return {
    head: writer.buffer.subarray(0, writer.position),
    tail: Buffer.concat([scope.tail, resource.tail]),
  };
}

function section(frame: Frame, parts: readonly Buffer[]): Section {
  const bytes = parts.reduce((sum, part) => sum + part.length, frame.head.length + frame.tail.length);
  return { frame, parts, bytes };
}

/** A length-delimited field of these bytes: tag, length and value. */
function fieldBytes(bytes: number): number {
  return 1 + lengthBytes(bytes) + bytes;
}
