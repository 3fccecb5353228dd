/** Puts encoded records, with their resources and scopes around them, together as the body of an OTLP request. */

import type { RecordGroup } from './record-groups.ts';
import type { Frame, SourceEncoder } from './source-encoder.ts';
import { lengthBytes, WireWriter } from './wire-writer.ts';

/*
 * ExportLogsServiceRequest { repeated ResourceLogs resource_logs = 1 }
 * ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3 }
 * ScopeLogs { InstrumentationScope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3 }
 */
const RESOURCE_LOGS = 0x0a;
const SCOPE_LOGS = 0x12;

/** A message whose repeated fields are given as parts that are encoded already. */
interface Section {
  readonly frame: Frame;
  readonly parts: readonly Buffer[];
  readonly bytes: number;
}

/** @param recordsOf the encoded `log_records` fields of a group, in order. */
export function buildRequest(
  sources: SourceEncoder,
  groups: readonly RecordGroup[],
  recordsOf: (groupIndex: number) => readonly Buffer[],
): Buffer {
  const byResource = new Map<RecordGroup['resource'], Section[]>();
  groups.forEach(({ resource, scope, records }, index) => {
    if (records === 0) return;
    const scopes = byResource.get(resource) ?? [];
    byResource.set(resource, scopes);
    scopes.push(section(sources.scopeFrame(scope), recordsOf(index)));
  });
  const sized = Array.from(byResource, ([resource, scopes]) => {
    const frame = sources.resourceFrame(resource);
    return { frame, scopes, bytes: scopes.reduce((sum, { bytes }) => sum + fieldBytes(bytes), frame.bytes) };
  });
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
export function frameAround(
  sources: SourceEncoder,
  group: RecordGroup,
  recordBytes: number,
): Pick<Frame, 'head' | 'tail'> {
  const resource = sources.resourceFrame(group.resource);
  const scope = sources.scopeFrame(group.scope);
  const scopeBytes = scope.bytes + recordBytes;
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

function section(frame: Frame, parts: readonly Buffer[]): Section {
  return { frame, parts, bytes: parts.reduce((sum, part) => sum + part.length, frame.bytes) };
}

/** A length-delimited field of these bytes: tag, length and value. */
function fieldBytes(bytes: number): number {
  return 1 + lengthBytes(bytes) + bytes;
}
