/** How a test collector behaves: what it is asked to become, how it answers, and what it has too little of. */

/**
 * How one request is answered. `stored` says whether the records are kept, and counted, although the sender is not
 * told so in full; by default they are when a 200 has begun to go out, and not otherwise.
 */
export type Reply = AcceptReply | PartialReply | StatusReply | UnfinishedReply | ResetReply | WebPageReply;

/** 200 with an empty response; every record is stored. */
export interface AcceptReply {
  /** Says which reply it is. */
  kind: 'accept';
}

/** 200 with a partial success. */
export interface PartialReply {
  /** Says which reply it is. */
  kind: 'partial';
  /** So many records, the last ones of the request, are not stored. */
  rejected: number;
  /** The reason that is given. */
  message?: string;
}

/** Any other status, with a `google.rpc.Status` as its body; nothing is stored. */
export interface StatusReply {
  /** Says which reply it is. */
  kind: 'status';
  /** The status of HTTP. */
  status: number;
  /** The reason that is given. */
  message?: string;
  /** Sent beside `Content-Type`. */
  headers?: Record<string, string>;
  /** Sends `Retry-After`. */
  retryAfterSeconds?: number;
  /** As that number of seconds (default), or as an HTTP date that many seconds away. */
  retryAfterForm?: 'seconds' | 'date';
}

/** No answer at all, or half of a 200 and then silence; the connection stays open. */
export interface UnfinishedReply {
  /** Says which reply it is. */
  kind: 'hang' | 'half-response';
  /** Whether the records are kept. */
  stored?: boolean;
}

/** Resets the connection before any response, or ends it after half of one. */
export interface ResetReply {
  /** Says which reply it is. */
  kind: 'reset';
  /** When. */
  at: 'before-response' | 'mid-response';
  /** Whether the records are kept. */
  stored?: boolean;
}

/** 200 with a web page, as from a captive portal or an application's catch-all route; nothing is stored. */
export interface WebPageReply {
  /** Says which reply it is. */
  kind: 'web-page';
}

/** Everything that is not given is as in a collector that is well. */
export interface Behaviour {
  /** Time between the end of a request and its answer, for each request on its own, in milliseconds; default 0. */
  latencyMillis?: number;
  /** What every request gets for which no reply is scripted; default `{ kind: 'accept' }`. */
  reply?: Reply;
  /** Requests with a larger body (after decompression) are refused with `tooLargeStatus`; default: no limit. */
  maxBodyBytes?: number;
  /** Requests with more records are refused with `tooLargeStatus`; default: no limit. */
  maxRecords?: number;
  /** 413 as the protocol says (default), or 400 as the OpenTelemetry Collector does it. */
  tooLargeStatus?: 400 | 413;
  /** A request that comes sooner after the last one that was let in is refused with 429; default: no limit. */
  maxRequestsPerSecond?: number;
  /** A request for which there is no room is refused with 503, as by the Collector's `memory_limiter`; default: no limit. */
  memory?: MemoryLimit;
  /** A request that holds a record with one of these ids is refused with 400; not with `keep: 'count'`. */
  poisonedIds?: readonly string[];
}

/** Memory that requests fill with their bodies, and that drains as they are passed on. */
export interface MemoryLimit {
  /** What there is. */
  bytes: number;
  /** How fast it drains. */
  drainBytesPerSecond: number;
}

/**
 * What `become` takes. `'well'` accepts everything immediately; `'dead'` refuses connections and has reset those that
 * were open, until it becomes something else; `'silent'` takes requests and never answers; `'resetting'` resets the
 * connection instead of an answer. A number is the status of every answer, a `Reply` is every answer.
 */
export type Condition = 'well' | 'dead' | 'silent' | 'resetting' | number | Reply | Behaviour;

/** A reply ahead of what a collector has become. */
export type ScriptedReply = Reply & Repeated;

/** How often a reply is given. */
export interface Repeated {
  /** To so many requests, one after another; default 1. */
  times?: number;
}

export function behaviourOf(condition: Exclude<Condition, 'dead'>): Behaviour {
  if (condition === 'well') return {};
  if (condition === 'silent') return { reply: { kind: 'hang' } };
  if (condition === 'resetting') return { reply: { kind: 'reset', at: 'before-response' } };
  if (typeof condition === 'number') return { reply: { kind: 'status', status: condition } };
  return 'kind' in condition ? { reply: condition } : condition;
}
