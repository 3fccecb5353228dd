/** How a gRPC call ends, and the error that @grpc/grpc-js makes of it. */

import { GRPC, type Refusal, type Reply, retryInfo, rpcStatus } from './replies.ts';

export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
  /** The trailer `grpc-status-details-bin`: a `google.rpc.Status`. */
  readonly statusDetails?: Uint8Array;
}

const NAMES = new Map<number, string>(Object.entries(GRPC).map(([name, code]) => [code, name]));

/** What grpc-js takes an HTTP status for that comes from something that does not speak gRPC. */
const OF_HTTP: Readonly<Record<number, number>> = {
  400: GRPC.INTERNAL,
  401: GRPC.UNAUTHENTICATED,
  403: GRPC.PERMISSION_DENIED,
  404: GRPC.UNIMPLEMENTED,
  429: GRPC.UNAVAILABLE,
  502: GRPC.UNAVAILABLE,
  503: GRPC.UNAVAILABLE,
  504: GRPC.UNAVAILABLE,
};

export function grpcStatus(reply: Extract<Reply, { kind: 'accept' | 'web-page' }> | Refusal): GrpcStatus {
  if (reply.kind === 'accept') return { code: 0, details: '' };
  if (reply.kind === 'web-page') return ofHttp(200);
  const { by, status, grpc: code, message: details, retryAfterMillis } = reply;
  // Whoever asks for time in gRPC speaks it.
  if (by !== 'collector' && retryAfterMillis === undefined) return ofHttp(status);
  if (retryAfterMillis === undefined) return { code, details };
  return { code, details, statusDetails: rpcStatus(code, details, retryInfo(retryAfterMillis)) };
}

function ofHttp(status: number): GrpcStatus {
  return { code: OF_HTTP[status] ?? GRPC.UNKNOWN, details: `Received HTTP status code ${status}` };
}

/** A `ServiceError`, as far as anybody looks at one. */
export function serviceError({ code, details, statusDetails }: GrpcStatus): Error {
  const trailers = statusDetails === undefined ? [] : [Buffer.from(statusDetails)];
  const metadata = { get: (key: string) => (key === 'grpc-status-details-bin' ? trailers : []) };
  return Object.assign(new Error(`${code} ${NAMES.get(code) ?? code}: ${details}`), {
    code,
    details,
    metadata,
  });
}
