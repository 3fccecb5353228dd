/** The words spoken with the embedded collector: its options, the behaviour it can be told to show, and its counts. */
import type { Keep, ReceivedRecord } from './decode.ts';

/**
 * How the collector answers one request. `stored` says whether the records are kept, and counted, although the
 * sender is not told so in full; by default they are when a 200 has begun to go out, and not otherwise.
 */
export type Reply =
  /** 200 with an empty response; every record is stored. */
  | { kind: 'accept' }
  /** 200 with a partial success; the last `rejected` records of the request are not stored. */
  | { kind: 'partial'; rejected: number; message?: string }
  /** Any other status, with a `google.rpc.Status` body; nothing is stored. */
  | {
      kind: 'status';
      status: number;
      message?: string;
      headers?: Record<string, string>;
      /** Sends `Retry-After` as a number of seconds, or as an HTTP date that many seconds away. */
      retryAfterSeconds?: number;
      retryAfterForm?: 'seconds' | 'date';
    }
  /** Never answers; the connection stays open. */
  | { kind: 'hang'; stored?: boolean }
  /** Resets the connection before any response, or ends it after half of one. */
  | { kind: 'reset'; at: 'before-response' | 'mid-response'; stored?: boolean }
  /** Half of a 200 response, then silence; the connection stays open. */
  | { kind: 'half-response'; stored?: boolean };

export interface Behaviour {
  /** Time between the end of the request and its answer, for each request on its own; default 0. */
  latencyMillis?: number;
  /** What every request gets for which no script entry is left; default `{ kind: 'accept' }`. */
  reply?: Reply;
  /** Requests with a larger body (after decompression) are refused with `tooLargeStatus`; default: no limit. */
  maxBodyBytes?: number;
  /** Requests with more records are refused with `tooLargeStatus`; default: no limit. */
  maxRecords?: number;
  /** 413 as the protocol says (default), or 400 as the Collector does it. */
  tooLargeStatus?: 400 | 413;
  /** A request that holds a record with one of these ids is refused with 400; needs `keep: 'ids'` or `'records'`. */
  poisonedIds?: readonly string[];
}

/** One reply for one request, or for `times` requests in a row, ahead of the standing `reply`. */
export type ScriptEntry = Reply & { times?: number };

export interface CollectorOptions extends Behaviour {
  /** Default: one that nobody else is given while the collector refuses; see `own-port.ts`. */
  port?: number;
  /** Default `'count'`. */
  keep?: Keep;
  /** The attribute that identifies a record; default: its body. */
  idAttribute?: string;
}

export interface CollectorStats {
  /** Requests to `/v1/logs` whose headers have arrived. */
  requests: number;
  /** Records stored; one that arrives twice counts twice. */
  records: number;
  /** Stored records whose answer has left in full: the sender may still have missed it, but nothing cut it off here. */
  acknowledged: number;
  /** Request bodies as they came over the wire. */
  bytes: number;
  /** Request bodies after decompression. */
  decodedBytes: number;
  /** Requests that could not be decoded, and were answered with 400. */
  malformed: number;
  concurrentRequests: number;
  peakConcurrentRequests: number;
  connections: number;
  /** Requests by what they got: a status (`'200'`, `'503'`) or `'hang'`, `'reset'`, `'half-response'`. */
  answers: Record<string, number>;
  /** Requests by encoding, such as `'application/x-protobuf'` or `'application/json, gzip'`. */
  encodings: Record<string, number>;
}

/** Sent before the answer to a request, so that what was stored is known even if the collector dies while it answers. */
export interface Report {
  stats: CollectorStats;
  ids: readonly string[];
  records: readonly ReceivedRecord[];
}

/** The collector in this process and the one in a child process are handled alike. */
export interface Collector {
  readonly port: number;
  /** Base address, as in `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  readonly logsUrl: string;
  stats(): CollectorStats;
  /** How often each id was stored; empty with `keep: 'count'`. */
  ids(): ReadonlyMap<string, number>;
  /** Every record stored, in order of arrival; empty unless `keep` is `'records'`. */
  records(): readonly ReceivedRecord[];
  /** Resolves when the counts satisfy `condition`; rejects after `timeoutMillis` (default 4 s) with the counts. */
  until(condition: (stats: CollectorStats) => boolean, timeoutMillis?: number): Promise<CollectorStats>;
  /** Changes the given parts of the behaviour from the next request on. */
  behave(behaviour: Behaviour): Promise<void>;
  /** Appends replies to the script. */
  script(...entries: ScriptEntry[]): Promise<void>;
  /** Closes the listening socket and resets every connection: connections are refused from now on. */
  refuse(): Promise<void>;
  /** Listens again, on the same port. */
  listen(): Promise<void>;
  close(): Promise<void>;
}

export function emptyStats(): CollectorStats {
  return {
    requests: 0,
    records: 0,
    acknowledged: 0,
    bytes: 0,
    decodedBytes: 0,
    malformed: 0,
    concurrentRequests: 0,
    peakConcurrentRequests: 0,
    connections: 0,
    answers: {},
    encodings: {},
  };
}
