/** Answers as they are on the wire: statuses, headers and bodies that the real Collector, Go's server and nginx write. */

import { STATUS_CODES } from 'node:http';

export type Protocol = 'http' | 'grpc';

export const GRPC = {
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

export interface Refusal {
  readonly kind: 'refuse';
  readonly status: number;
  /** The same for a gRPC client. */
  readonly grpc: number;
  readonly message: string;
  /** Who speaks: the Collector's receiver, nginx, or Go's HTTP server. */
  readonly by: 'collector' | 'nginx' | 'go';
  /** As the header has it. */
  readonly retryAfter?: string;
  readonly retryAfterMillis?: number;
}

export type Reply =
  | { readonly kind: 'accept'; readonly rejected: number; readonly message: string }
  | Refusal
  /** 200 from something that is no collector. */
  | { readonly kind: 'web-page' }
  | { readonly kind: 'half'; readonly status: 200 | 503; readonly end: 'hang' | 'reset' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'hang' };

export interface HttpAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly retryAfter: string | undefined;
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
}

const PROTOBUF = 'application/x-protobuf';
const NOTHING = new Uint8Array();

export const ACCEPTED: Reply = { kind: 'accept', rejected: 0, message: '' };

/** @param reply any that has a status, in full or in part. */
export function httpAnswer(reply: Exclude<Reply, { kind: 'reset' | 'hang' }>): HttpAnswer {
  switch (reply.kind) {
    case 'accept':
      return answer(200, PROTOBUF, exportResponse(reply.rejected, reply.message));
    case 'web-page':
      return answer(200, 'text/html; charset=utf-8', Buffer.from('<!doctype html><title>Welcome</title>'));
    case 'half':
      return answer(reply.status, PROTOBUF, NOTHING);
    case 'refuse': {
      const { status, grpc, message, by, retryAfter } = reply;
      if (by === 'collector') return answer(status, PROTOBUF, rpcStatus(grpc, message), retryAfter);
      const title = `${status} ${STATUS_CODES[status]}`;
      const page = `<html>\r\n<head><title>${title}</title></head>\r\n</html>\r\n`;
      return by === 'nginx'
        ? answer(status, 'text/html', Buffer.from(page), retryAfter)
        : answer(status, 'text/plain; charset=utf-8', Buffer.from(`${message}\n`), retryAfter);
    }
  }
}

function answer(status: number, contentType: string, body: Uint8Array, retryAfter?: string): HttpAnswer {
  return { status, statusText: STATUS_CODES[status] ?? '', retryAfter, contentType, body };
}

/** `google.rpc.Status { int32 code = 1; string message = 2; repeated Any details = 3 }`. */
export function rpcStatus(code: number, message: string, details?: Uint8Array): Buffer {
  return Buffer.concat([
    number(1, code),
    bytes(2, Buffer.from(message)),
    details === undefined ? NOTHING : bytes(3, details),
  ]);
}

/** An `Any` with a `google.rpc.RetryInfo { Duration retry_delay = 1 }`. */
export function retryInfo(delayMillis: number): Buffer {
  const seconds = Math.trunc(delayMillis / 1_000);
  const nanos = Math.round((delayMillis - seconds * 1_000) * 1e6);
  const duration = Buffer.concat([number(1, seconds), number(2, nanos)]);
  const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
  return Buffer.concat([bytes(1, type), bytes(2, bytes(1, duration))]);
}

/** `ExportLogsServiceResponse { ExportLogsPartialSuccess partial_success = 1 }`; empty where all was taken. */
function exportResponse(rejected: number, message: string): Uint8Array {
  if (rejected === 0 && message === '') return NOTHING;
  return bytes(1, Buffer.concat([number(1, rejected), bytes(2, Buffer.from(message))]));
}

function number(field: number, value: number): Uint8Array {
  return value === 0 ? NOTHING : Buffer.from([field << 3, ...varint(value)]);
}

function bytes(field: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(content.length)]), content]);
}

function varint(value: number): number[] {
  const digits: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) digits.push((value % 128) | 0x80);
  return [...digits, value];
}
