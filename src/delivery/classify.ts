/** Maps the errors of failed exports (HTTP status, gRPC code, network error) to outcomes: one table for all exporters. */

import { messageOf } from '../common/errors.ts';
import { retryDelayMillisOf } from './grpc-retry-info.ts';
import type { Outcome } from './sender.ts';

/*
 * How the official exporters fail (otlp-exporter-base and otlp-grpc-exporter-base, both generations):
 * - HTTP 400, 401, 404, 408, 413, 500 …: an error whose `code` is the status.
 * - HTTP 429, 502, 503, 504, after their own retries: an error without a `code`. Retry-After is not shown.
 * - network errors: `code` is Node's string (ECONNREFUSED …). Their own timeout: an error without a `code`.
 * - gRPC: `code` is the status code (0 to 16), `details` the message, `metadata` the trailers.
 */

/** OTLP's list (specification, "Retryable Response Codes"), and 408. */
const RETRYABLE_HTTP = new Set([408, 429, 502, 503, 504]);
/** Statuses that report a lack of room: Too Many Requests, Service Unavailable. */
const LACKS_ROOM_HTTP = new Set([429, 503]);
/**
 * Caused by the configuration of the client, or by a destination that is no collector, and not by the batch. A web server
 * answers a POST with 405, a receiver that knows only OTLP/JSON with 415.
 */
const CONFIGURATION_HTTP = new Set([401, 403, 404, 405, 407, 415]);

const GRPC_RESOURCE_EXHAUSTED = 8;
/** CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS: OTLP specification, "Failures". */
const RETRYABLE_GRPC = new Set([1, 4, 10, 11, 14, 15]);
const GRPC_UNAVAILABLE = 14;
const GRPC_INVALID_ARGUMENT = 3;
/** Retryable by OTLP, but also tonic's (Rust) answer to a message over its limit. */
const GRPC_OUT_OF_RANGE = 11;
/** UNKNOWN, NOT_FOUND, PERMISSION_DENIED, UNIMPLEMENTED, INTERNAL, UNAUTHENTICATED: the batch may not be the cause. */
const AMBIGUOUS_GRPC = new Set([2, 5, 7, 12, 13, 16]);
const MAX_GRPC_CODE = 16;

interface ExportErrorShape {
  readonly code?: unknown;
  readonly details?: unknown;
  readonly metadata?: unknown;
}

/** @param error of a failed `ExportResult`; undefined if the exporter gave no reason. */
export function classify(error: unknown): Outcome {
  try {
    const shape = (typeof error === 'object' && error !== null ? error : {}) as ExportErrorShape;
    const code = shape.code;
    if (typeof code === 'number' && Number.isInteger(code)) {
      if (code >= 1 && code <= MAX_GRPC_CODE) return classifyGrpc(code, shape, error);
      if (code >= 100 && code <= 599) return classifyHttp(code, error);
    }
  } catch {
    // An unreadable error is treated like one without a code.
  }
  // Other numbers are not about the batch, such as the code of a DOMException (23 for TimeoutError).
  return { kind: 'retryable', error };
}

/** @param retryAfterMillis requested by the destination; used only for retryable statuses. */
export function classifyHttp(status: number, error: unknown, retryAfterMillis?: number): Outcome {
  if (RETRYABLE_HTTP.has(status)) return retryable(error, retryAfterMillis, LACKS_ROOM_HTTP.has(status));
  if (status === 413) return { kind: 'too_large', error };
  if (status === 400) return isAboutBody(error) ? { kind: 'too_large', error } : { kind: 'malformed', error };
  // Redirects are not followed: they mean that the URL is wrong.
  const isRedirect = status >= 300 && status < 400;
  if (isConfigurationStatus(status) || isRedirect || status >= 500) return { kind: 'ambiguous', error };
  return { kind: 'rejected', error };
}

export function isConfigurationStatus(status: number): boolean {
  return CONFIGURATION_HTTP.has(status);
}

function retryable(error: unknown, retryAfterMillis: number | undefined, lacksRoom = false): Outcome {
  return {
    kind: 'retryable',
    error,
    ...(retryAfterMillis !== undefined && { retryAfterMillis }),
    ...(lacksRoom && { lacksRoom }),
  };
}

function classifyGrpc(code: number, shape: ExportErrorShape, error: unknown): Outcome {
  const retryAfterMillis = retryDelayMillisOf(shape.metadata);
  if (code === GRPC_OUT_OF_RANGE && isAboutSize(shape, error)) return { kind: 'too_large', error };
  if (code === GRPC_UNAVAILABLE && isUnconnected(shape))
    return { kind: 'retryable', error, isUnconnected: true };
  if (RETRYABLE_GRPC.has(code)) return retryable(error, retryAfterMillis);
  if (code === GRPC_RESOURCE_EXHAUSTED) {
    // OTLP: retryable only with RetryInfo. Without it, the message exceeds a size limit, or a quota is exhausted.
    if (retryAfterMillis !== undefined) return retryable(error, retryAfterMillis, true);
    return isAboutSize(shape, error) ? { kind: 'too_large', error } : { kind: 'ambiguous', error };
  }
  if (code === GRPC_INVALID_ARGUMENT) return { kind: 'malformed', error };
  return AMBIGUOUS_GRPC.has(code) ? { kind: 'ambiguous', error } : { kind: 'rejected', error };
}

/**
 * The Collector answers a body over its limit with 400 and "http: request body too large" (Go's MaxBytesReader), which
 * the official exporters keep in `data`.
 */
function isAboutBody(error: unknown): boolean {
  const { data } = (typeof error === 'object' && error !== null ? error : {}) as { readonly data?: unknown };
  const text = typeof data === 'string' ? data : messageOf(error);
  return /(body|message|payload|entity|request) (is )?(too large|exceeds)/i.test(text);
}

/** grpc-js says so, with any load balancer, before its channel first connects and while the channel backs off. */
function isUnconnected({ details }: ExportErrorShape): boolean {
  return typeof details === 'string' && details.includes('No connection established');
}

/**
 * grpc-go: "received message larger than max (5 vs. 4)"; grpc-js, compressed: "Received message that
 * decompresses to a size larger than 4"; grpc-java: "gRPC message exceeds maximum size 4: 5"; tonic: "decoded
 * message length too large". A quota that "exceeds" something must not match: halving would not help.
 */
function isAboutSize(shape: ExportErrorShape, error: unknown): boolean {
  const text = typeof shape.details === 'string' ? shape.details : messageOf(error);
  return /message.*(larger than|exceeds.*size)|too large/i.test(text);
}
