/** Decodes a request as far as is asked for. */

import { decodeJson } from './decode-json.ts';
import { ATTRIBUTES, BODY, countInProtobuf, decodeProtobuf } from './decode-protobuf.ts';
import type { ReceivedRecord } from './received-record.ts';
import type { Encoding } from './responses.ts';

/** What is kept of the records that were stored: a count, their ids, or everything. */
export type Keep = 'count' | 'ids' | 'records';

/** By what a record is known again: everything that it holds, its body, or one attribute. */
export type Identity = 'record' | 'body' | IdentityAttribute;

/** Records are told apart by the value of an attribute of theirs. */
export interface IdentityAttribute {
  /** Its key. */
  attribute: string;
}

export interface DecodedRequest {
  readonly count: number;
  /** One for each record, unless only the count was asked for. */
  readonly ids: readonly string[];
  /** One for each record where whole records were asked for. */
  readonly records: readonly ReceivedRecord[];
}

/** Throws when the body is not what its content type says. */
export function decodeRequest(
  body: Buffer,
  encoding: Encoding,
  keep: Keep = 'records',
  identity: Identity = 'record',
): DecodedRequest {
  if (keep === 'count' && encoding === 'protobuf') {
    return { count: countInProtobuf(body), ids: [], records: [] };
  }
  const only = keep === 'ids' ? fieldOf(identity) : undefined;
  const records = encoding === 'protobuf' ? decodeProtobuf(body, only) : decodeJson(body);
  return {
    count: records.length,
    ids: keep === 'count' ? [] : records.map((record) => idOf(record, identity)),
    records: keep === 'records' ? records : [],
  };
}

function fieldOf(identity: Identity): number | undefined {
  if (identity === 'record') return undefined;
  return identity === 'body' ? BODY : ATTRIBUTES;
}

function idOf(record: ReceivedRecord, identity: Identity): string {
  if (identity === 'record') return JSON.stringify(record);
  return textOf(identity === 'body' ? record.body : record.attributes[identity.attribute]);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
