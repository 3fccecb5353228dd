/** What a simulated collector, and the way to it, can be like: data, so that a run's plan can hold it. */

interface Pace {
  /** From the request's arrival to its answer. Default 5. */
  readonly latencyMillis?: number;
  /** The latency is this share longer or shorter by chance. Default 0.2. */
  readonly jitter?: number;
  /** What each megabyte of a request takes in addition. Default 0. */
  readonly millisPerMegabyte?: number;
}

export type Weather = Pace &
  (
    | { readonly kind: 'healthy' }
    /** The process is gone: connections are reset, new ones refused. */
    | { readonly kind: 'down' }
    /** Packets are swallowed in both directions. TCP repeats them, so what is not given up gets through afterwards. */
    | { readonly kind: 'black-hole' }
    /** Connects, reads, and answers nothing until the weather changes. `takes`: the data is stored all the same. */
    | { readonly kind: 'hang'; readonly takes: boolean }
    /** Resets the connection instead of answering, `takes` after the data was stored. `share` of the requests, default 1. */
    | { readonly kind: 'reset'; readonly takes: boolean; readonly share?: number }
    /** Begins an answer and does not end it. The data is stored when the status is 200. */
    | { readonly kind: 'half-answer'; readonly status: 200 | 503; readonly end: 'hang' | 'reset' }
    /** A share of the requests fails: a load balancer with a dead upstream among living ones. */
    | {
        readonly kind: 'partial';
        readonly share: number;
        readonly how: 500 | 502 | 503 | 504 | 'reset' | 'refused' | 'hang';
      }
    /** Every request is answered with this status, without requesting a delay. */
    | { readonly kind: 'failing'; readonly status: 408 | 500 | 502 | 503 | 504 }
    /** A leaky bucket, as nginx has it: `burst` requests together (default 1), and then so many a minute. */
    | {
        readonly kind: 'rate-limit';
        readonly requestsPerMinute: number;
        readonly burst?: number;
        readonly status: 429 | 503;
        readonly retryAfterSeconds?: number;
        /** As a date it is a point of the wall clock's time. Default: seconds. */
        readonly retryAfterForm?: 'seconds' | 'date';
      }
    /** Refuses what does not fit in beside what it has not yet passed on. 429 is gRPC's RESOURCE_EXHAUSTED. */
    | {
        readonly kind: 'memory-limit';
        readonly bytes: number;
        readonly drainBytesPerSecond: number;
        readonly status?: 429 | 503;
        readonly retryAfterSeconds?: number;
      }
    /** Larger requests are refused: by the protocol's 413, as the Collector does it, or without saying why. 500: nginx, where it cannot buffer them. */
    | {
        readonly kind: 'size-limit';
        readonly bytes: number;
        readonly how: '413' | '400-said' | '400-unsaid' | '500';
      }
    /** Something else answers: a TLS port, a web server without that page, a page for everything. */
    | { readonly kind: 'wrong-address'; readonly how: 400 | 404 | 405 | 'html-200' }
    | { readonly kind: 'credentials-expired'; readonly status: 401 | 403 }
    /** Healthy, with a latency that goes from one to the other, evenly, from the moment the weather begins. */
    | {
        readonly kind: 'slow-recovery';
        readonly fromMillis: number;
        readonly toMillis: number;
        readonly overMillis: number;
      }
    /** Stores all but a share of each request, the last records of it. */
    | { readonly kind: 'partial-success'; readonly share: number }
    /** Refuses each request that holds a record whose number is a multiple of `every`: 400, with a reason. */
    | { readonly kind: 'poison'; readonly every: number }
  );

export const HEALTHY: Weather = { kind: 'healthy' };
