/** What the body of an answer says, in protobuf or in JSON: an OTLP partial success, or the reason of a refusal. */

import { protobufFields } from '../delivery/protobuf-fields.ts';

const MAX_MESSAGE_LENGTH = 1_000;
const MAX_REASON_LENGTH = 200;

export interface PartialSuccess {
  readonly rejectedRecords: number;
  readonly message?: string;
}

interface Body {
  readonly contentType?: string | undefined;
  readonly body: Uint8Array;
}

const NOTHING_REJECTED: PartialSuccess = { rejectedRecords: 0 };

/**
 * Reads an `ExportLogsServiceResponse { ExportLogsPartialSuccess partial_success = 1 }`, that being
 * `{ int64 rejected_log_records = 1; string error_message = 2 }`. What cannot be read rejects nothing.
 */
export function partialSuccessOf(response: Body): PartialSuccess {
  if (response.body.length === 0) return NOTHING_REJECTED;
  try {
    const [rejected, message] =
      kindOf(response) === 'json' ? partialSuccessInJson(response.body) : partialSuccessIn(response);
    const rejectedRecords = Math.max(0, Number(rejected)) || 0;
    const text = readable(message, MAX_MESSAGE_LENGTH);
    return text === '' ? { rejectedRecords } : { rejectedRecords, message: text };
  } catch {
    return NOTHING_REJECTED;
  }
}

/** The reason given for a refusal, made fit for a log line: the message of a `google.rpc.Status`, or the text itself. */
export function reasonIn(response: Body): string {
  try {
    switch (kindOf(response)) {
      case 'protobuf':
        return readable(statusMessageIn(response.body), MAX_REASON_LENGTH);
      case 'json':
        return readable(statusMessageInJson(response.body), MAX_REASON_LENGTH);
      case 'text':
        return readable(textOf(response.body), MAX_REASON_LENGTH);
    }
  } catch {
    // Not what it claims to be, or cut short.
  }
  return '';
}

/** Protobuf where nothing is said: an answer comes in the encoding of the request. */
function kindOf({ contentType = 'application/x-protobuf' }: Body): 'protobuf' | 'json' | 'text' | 'other' {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/x-protobuf' || type === 'application/protobuf') return 'protobuf';
  if (type === 'application/json' || type.endsWith('+json')) return 'json';
  return type.startsWith('text/') ? 'text' : 'other';
}

function partialSuccessIn(response: Body): [rejected: unknown, message: unknown] {
  let rejected = 0n;
  let message: Uint8Array | undefined;
  if (kindOf(response) !== 'protobuf') return [rejected, message];
  for (const [number, value] of protobufFields(response.body)) {
    if (number !== 1 || typeof value === 'bigint') continue;
    for (const [inner, content] of protobufFields(value)) {
      if (inner === 1 && typeof content === 'bigint') rejected = BigInt.asIntN(64, content);
      if (inner === 2 && typeof content !== 'bigint') message = content;
    }
  }
  return [rejected, message && textOf(message)];
}

function partialSuccessInJson(body: Uint8Array): [rejected: unknown, message: unknown] {
  const partial = JSON.parse(textOf(body))?.partialSuccess;
  return [partial?.rejectedLogRecords, partial?.errorMessage];
}

/** `google.rpc.Status { int32 code = 1; string message = 2 }`. */
function statusMessageIn(body: Uint8Array): string {
  let message = '';
  for (const [number, value] of protobufFields(body)) {
    if (number === 2 && typeof value !== 'bigint') message = textOf(value);
  }
  return message;
}

/** Gateways say `{"message": …}` as well; of any other JSON the text is as good a reason as there is. */
function statusMessageInJson(body: Uint8Array): string {
  const text = textOf(body);
  try {
    const message = JSON.parse(text)?.message;
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** One line without control characters, which could forge other lines of a log. */
export function readable(text: unknown, maxLength: number): string {
  if (typeof text !== 'string') return '';
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > maxLength ? `${line.slice(0, maxLength)}…` : line;
}
