/** Reads the body of an answer: an OTLP response in protobuf or JSON, or the reason for a refusal. */

import { WireReader } from '../protobuf/wire-reader.ts';
import type { OtlpResponse } from './transport.ts';

const MAX_MESSAGE_LENGTH = 1_000;
const MAX_REASON_LENGTH = 200;
/** Bytes of a text that are searched for a reason. */
const MAX_TEXT_BYTES = 64 * 1024;
/** Characters of a page that are searched: its subject is at the beginning. */
const MAX_PAGE_LENGTH = 8 * 1024;
const ESCAPE = '\u001b';

export interface PartialSuccess {
  readonly rejectedRecords: number;
  readonly message?: string;
}

type Body = Pick<OtlpResponse, 'body' | 'contentType' | 'extent' | 'grpcStatus' | 'grpcMessage' | 'conceal'>;

const NOTHING_REJECTED: PartialSuccess = { rejectedRecords: 0 };
const OTLP_TYPES = ['application/x-protobuf', 'application/protobuf', 'application/json'];
/** Content types that say nothing about the format. */
const PLAIN_TYPES = ['', 'text/plain', 'application/octet-stream'];

/**
 * Reads an `ExportLogsServiceResponse` from an answer whose status means success.
 * @returns undefined if it is none: not everything that answers 200 takes logs. An empty body counts as one, and so
 *   does plain text, which some servers send against the specification.
 */
export function partialSuccessOf(response: Body): PartialSuccess | undefined {
  const { body, grpcStatus, extent = 'whole' } = response;
  const type = typeOf(response);
  if ((grpcStatus ?? '0') !== '0' || isPage(response)) return undefined;
  if (type.startsWith('application/grpc')) return grpcStatus === '0' ? NOTHING_REJECTED : undefined;
  // A success by its status; without the whole body, the number of rejected records is unknown.
  if (body.length === 0 || extent !== 'whole') return NOTHING_REJECTED;
  try {
    const partial = isJson(body, type) ? partialSuccessInJson(body) : partialSuccessIn(body);
    if (partial === undefined) return undefined;
    const [rejected, message] = partial;
    const rejectedRecords = Math.max(0, Number(rejected)) || 0;
    const text = shown(message, response, MAX_MESSAGE_LENGTH);
    return text === '' ? { rejectedRecords } : { rejectedRecords, message: text };
  } catch {
    return PLAIN_TYPES.includes(type) && textOf(body) !== undefined ? NOTHING_REJECTED : undefined;
  }
}

/** Whether a success has an OTLP content type or no body, as only collectors send it. */
export function isInOtlp({ body, contentType }: Body): boolean {
  return body.length === 0 || OTLP_TYPES.includes(typeOf({ contentType }));
}

/** The reason for a refusal, on one line, whatever the content type; empty if there is none that people can read. */
export function reasonIn(response: Body): string {
  const { grpcStatus, grpcMessage = '' } = response;
  if ((grpcStatus ?? '0') !== '0') {
    return shown(`gRPC status ${grpcStatus} ${uriDecoded(grpcMessage)}`, response, MAX_REASON_LENGTH);
  }
  const text = textOf(response.body.subarray(0, MAX_TEXT_BYTES));
  const reason = isPage(response)
    ? wordsOfPage((text ?? '').slice(0, MAX_PAGE_LENGTH))
    : (statusMessageIn(response.body) ?? messageInJson(response.body) ?? text);
  return shown(reason, response, MAX_REASON_LENGTH);
}

/** In lower case, without parameters; empty if there is none. */
export function typeOf({ contentType = '' }: Pick<Body, 'contentType'>): string {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function isPage(response: Body): boolean {
  const type = typeOf(response);
  if (type === 'text/html' || type === 'application/xhtml+xml') {
    return response.body.length > 0 || (response.extent ?? 'whole') !== 'whole';
  }
  const start = Buffer.from(response.body.subarray(0, 256)).toString('latin1').trimStart().toLowerCase();
  return start.startsWith('<!doctype html') || start.startsWith('<html');
}

/** No OTLP message begins with a brace, whatever the content type. */
function isJson(body: Uint8Array, type: string): boolean {
  return type === 'application/json' || type.endsWith('+json') || body[0] === 0x7b;
}

/*
 * opentelemetry/proto/collector/logs/v1/logs_service.proto:
 *   ExportLogsServiceResponse { ExportLogsPartialSuccess partial_success = 1 }
 *   ExportLogsPartialSuccess { int64 rejected_log_records = 1; string error_message = 2 }
 * google/rpc/status.proto: Status { int32 code = 1; string message = 2 }. Tags: field number << 3 | wire type.
 */
const PARTIAL_SUCCESS = 0x0a;
const REJECTED_RECORDS = 0x08;
const ERROR_MESSAGE = 0x12;
const STATUS_CODE = 0x08;
const STATUS_MESSAGE = 0x12;

type Partial = [rejected: unknown, message: unknown];

/** @returns undefined for a `google.rpc.Status`. @throws RangeError if it is not a protobuf message. */
function partialSuccessIn(body: Uint8Array): Partial | undefined {
  const partial: Partial = [0n, undefined];
  const reader = new WireReader(body);
  while (reader.next()) {
    if (reader.tag === STATUS_CODE) return undefined;
    if (reader.tag === PARTIAL_SUCCESS) readPartialSuccess(reader, partial);
    else reader.skip();
  }
  return partial;
}

function readPartialSuccess(reader: WireReader, partial: Partial): void {
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === REJECTED_RECORDS) partial[0] = reader.int64();
    else if (reader.tag === ERROR_MESSAGE) partial[1] = reader.text();
    else reader.skip();
  }
  reader.leave(outer);
}

/** @throws SyntaxError if it is not JSON. */
function partialSuccessInJson(body: Uint8Array): Partial | undefined {
  const answer = JSON.parse(new TextDecoder().decode(body));
  if (isRefusal(answer)) return undefined;
  const partial = answer?.partialSuccess;
  return [partial?.rejectedLogRecords, partial?.errorMessage];
}

/** Error objects of gateways and APIs that answer 200 nonetheless, and a `google.rpc.Status`. */
function isRefusal(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null) return false;
  const { error, errors, code, success, status } = answer as Record<string, unknown>;
  if (Array.isArray(errors) ? errors.length > 0 : Boolean(errors)) return true;
  const isErrorCode = typeof code === 'number' && code !== 0 && !(code >= 200 && code <= 299);
  const isErrorStatus = typeof status === 'string' && /^(error|fail)/i.test(status);
  return Boolean(error) || success === false || isErrorCode || isErrorStatus;
}

/** The message of a `google.rpc.Status`; undefined for anything else. */
function statusMessageIn(body: Uint8Array): string | undefined {
  let message: string | undefined;
  try {
    const reader = new WireReader(body);
    while (reader.next()) {
      if (reader.tag === PARTIAL_SUCCESS) return undefined;
      if (reader.tag === STATUS_MESSAGE) message = textOf(reader.bytes());
      else reader.skip();
    }
  } catch {
    return undefined;
  }
  return message;
}

/** The forms that gateways use; any other JSON serves as text. */
function messageInJson(body: Uint8Array): string | undefined {
  try {
    const answer = JSON.parse(new TextDecoder().decode(body));
    const said = [answer?.message, answer?.error?.message, answer?.error];
    return said.find((message) => typeof message === 'string');
  } catch {
    return undefined;
  }
}

/** The title, or else the text between the tags. */
function wordsOfPage(page: string): string {
  const [, title = ''] = /<title[^<>]*>([^<]*)/i.exec(page) ?? [];
  const words =
    title.trim() || page.replace(/<(script|style)\b[\s\S]*?<\/\1>/gi, ' ').replace(/<[^<>]*>/g, ' ');
  return words.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (_, name: string) => ENTITIES[name] ?? ' ');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

/** @returns undefined for bytes that are most likely not text. */
function textOf(bytes: Uint8Array): string | undefined {
  // A character that was cut off at the end proves nothing; white space and terminal colours occur in texts.
  const text = new TextDecoder().decode(bytes).replace(/\ufffd$/, '');
  return /(?!\s)\p{Cc}|\ufffd/u.test(text.replaceAll(ESCAPE, '')) ? undefined : text;
}

function uriDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A text of the server on one line, without secrets, cut to `maxLength`. */
export function shown(text: unknown, { conceal }: Pick<Body, 'conceal'>, maxLength: number): string {
  if (typeof text !== 'string') return '';
  const some = text.slice(0, MAX_TEXT_BYTES);
  return readable(conceal?.(some) ?? some, maxLength);
}

/** One line without control characters, which could forge lines of a log. */
export function readable(text: unknown, maxLength: number): string {
  if (typeof text !== 'string') return '';
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > maxLength ? `${line.slice(0, maxLength)}…` : line;
}
