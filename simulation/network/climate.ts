/** One weather while it lasts: decides what becomes of a connection and of a request. */

import type { Clock } from '../subject.ts';
import { numberOf } from './record-ids.ts';
import { ACCEPTED, GRPC, type Protocol, type Refusal, type Reply } from './replies.ts';
import type { RequestContent } from './request-content.ts';
import type { Weather } from './weather.ts';

const DEFAULT_LATENCY_MILLIS = 5;
const DEFAULT_JITTER = 0.2;
/** Of the Collector's receivers, where nothing else is set. */
const MAX_HTTP_BYTES = 20 * 1024 * 1024;
const MAX_GRPC_BYTES = 4 * 1024 * 1024;
const MEGABYTE = 1e6;

export interface Verdict {
  readonly reply: Reply;
  /** Of the records, so many from the first on are stored. */
  readonly taken: number;
  readonly afterMillis: number;
}

export class Climate {
  readonly weather: Weather;
  readonly #clock: Clock;
  readonly #since: number;
  /** Of the rate limit: requests that may pass now. Of the memory limit: bytes held. */
  #level: number;
  #levelAt: number;

  constructor(weather: Weather, clock: Clock) {
    this.weather = weather;
    this.#clock = clock;
    this.#since = clock.now();
    this.#levelAt = this.#since;
    this.#level = weather.kind === 'rate-limit' ? (weather.burst ?? 1) : 0;
  }

  get isHole(): boolean {
    return this.weather.kind === 'black-hole';
  }

  get isDown(): boolean {
    return this.weather.kind === 'down';
  }

  get isHung(): boolean {
    return this.weather.kind === 'hang';
  }

  /** What becomes of an attempt to connect. */
  connect(): 'open' | 'refused' | 'lost' {
    const { weather } = this;
    if (weather.kind === 'down') return 'refused';
    if (weather.kind === 'black-hole') return 'lost';
    if (weather.kind === 'partial' && weather.how === 'refused' && this.#isHit(weather.share))
      return 'refused';
    return 'open';
  }

  /** What becomes of a request that has arrived, and of its data. */
  judge(content: RequestContent, protocol: Protocol): Verdict {
    const reply = this.#tooLarge(content, protocol) ?? this.#reply(content);
    return { reply, taken: this.#taken(reply, content.ids.length), afterMillis: this.#latency(content) };
  }

  #reply({ bytes, ids }: RequestContent): Reply {
    const { weather } = this;
    switch (weather.kind) {
      case 'healthy':
      case 'slow-recovery':
      case 'size-limit':
      case 'down':
      case 'black-hole':
        return ACCEPTED;
      case 'hang':
        return { kind: 'hang' };
      case 'reset':
        return this.#isHit(weather.share ?? 1) ? { kind: 'reset' } : ACCEPTED;
      case 'half-answer':
        return { kind: 'half', status: weather.status, end: weather.end };
      case 'partial': {
        // Refused connections are the dead upstream; whoever got through has the living one.
        if (weather.how === 'refused' || !this.#isHit(weather.share)) return ACCEPTED;
        if (weather.how === 'reset' || weather.how === 'hang') return { kind: weather.how };
        return failure(weather.how, 'nginx');
      }
      case 'failing':
        return failure(
          weather.status,
          weather.status === 500 || weather.status === 503 ? 'collector' : 'nginx',
        );
      case 'rate-limit':
        return this.#pour(weather.requestsPerMinute / 60_000, weather.burst ?? 1)
          ? ACCEPTED
          : this.#askForTime(failure(weather.status, 'nginx'), weather);
      case 'memory-limit':
        return this.#hold(bytes, weather.bytes, weather.drainBytesPerSecond / 1_000)
          ? ACCEPTED
          : this.#askForTime(
              {
                ...failure(weather.status ?? 503, 'collector'),
                message: 'data refused due to high memory usage',
              },
              weather,
            );
      case 'wrong-address':
        return elsewhere(weather.how);
      case 'credentials-expired':
        return failure(weather.status, 'go');
      case 'partial-success': {
        const rejected = Math.floor(ids.length * weather.share);
        return { kind: 'accept', rejected, message: rejected === 0 ? '' : 'records without a timestamp' };
      }
      case 'poison':
        return ids.some((id) => id >= 0 && numberOf(id) % weather.every === 0)
          ? malformed('proto: illegal wireType 7')
          : ACCEPTED;
    }
  }

  #tooLarge({ bytes }: RequestContent, protocol: Protocol): Refusal | undefined {
    const { weather } = this;
    const isLimited = weather.kind === 'size-limit';
    const standing = protocol === 'grpc' ? MAX_GRPC_BYTES : MAX_HTTP_BYTES;
    const limit = isLimited ? Math.min(weather.bytes, standing) : standing;
    if (bytes <= limit) return undefined;
    if (isLimited && weather.how === '500') return failure(500, 'nginx');
    if (protocol === 'grpc') {
      const message = `grpc: received message larger than max (${bytes} vs. ${limit})`;
      return { kind: 'refuse', status: 413, grpc: GRPC.RESOURCE_EXHAUSTED, message, by: 'collector' };
    }
    const how = isLimited ? weather.how : '400-said';
    if (how === '413') return failure(413, 'nginx');
    return malformed(how === '400-said' ? 'http: request body too large' : 'unexpected EOF');
  }

  #taken(reply: Reply, records: number): number {
    const { weather } = this;
    switch (reply.kind) {
      case 'accept':
        return records - reply.rejected;
      case 'half':
        return reply.status === 200 ? records : 0;
      case 'reset':
        return weather.kind === 'reset' && weather.takes ? records : 0;
      case 'hang':
        return weather.kind === 'hang' && weather.takes ? records : 0;
      default:
        return 0;
    }
  }

  #latency({ bytes }: RequestContent): number {
    const { weather } = this;
    const {
      latencyMillis = DEFAULT_LATENCY_MILLIS,
      jitter = DEFAULT_JITTER,
      millisPerMegabyte = 0,
    } = weather;
    let millis = latencyMillis;
    if (weather.kind === 'slow-recovery') {
      const done = Math.min(1, (this.#clock.now() - this.#since) / Math.max(1, weather.overMillis));
      millis = weather.fromMillis + (weather.toMillis - weather.fromMillis) * done;
    }
    const deviation = jitter === 0 ? 1 : 1 + jitter * (2 * this.#clock.random() - 1);
    return (millis + (bytes / MEGABYTE) * millisPerMegabyte) * deviation;
  }

  #isHit(share: number): boolean {
    return this.#clock.random() < share;
  }

  /** Whether one more may pass a bucket that is filled at `perMillis`, up to `size`. */
  #pour(perMillis: number, size: number): boolean {
    const now = this.#clock.now();
    this.#level = Math.min(size, this.#level + (now - this.#levelAt) * perMillis);
    this.#levelAt = now;
    // What is left of a sum of fractions may be a hair below one.
    if (this.#level < 1 - 1e-9) return false;
    this.#level -= 1;
    return true;
  }

  #hold(bytes: number, limit: number, drainPerMillis: number): boolean {
    const now = this.#clock.now();
    this.#level = Math.max(0, this.#level - (now - this.#levelAt) * drainPerMillis);
    this.#levelAt = now;
    if (this.#level + bytes > limit) return false;
    this.#level += bytes;
    return true;
  }

  #askForTime(
    refusal: Refusal,
    delay: { readonly retryAfterSeconds?: number; readonly retryAfterForm?: 'seconds' | 'date' },
  ): Refusal {
    const { retryAfterSeconds: seconds, retryAfterForm = 'seconds' } = delay;
    if (seconds === undefined) return refusal;
    if (retryAfterForm === 'seconds') {
      return { ...refusal, retryAfter: String(seconds), retryAfterMillis: seconds * 1_000 };
    }
    // A date has no milliseconds.
    const now = this.#clock.wallNow();
    const retryAfter = new Date(now + seconds * 1_000).toUTCString();
    return { ...refusal, retryAfter, retryAfterMillis: Date.parse(retryAfter) - now };
  }
}

const GRPC_OF: Readonly<Record<number, number>> = {
  401: GRPC.UNAUTHENTICATED,
  403: GRPC.PERMISSION_DENIED,
  404: GRPC.UNIMPLEMENTED,
  429: GRPC.RESOURCE_EXHAUSTED,
  500: GRPC.INTERNAL,
  502: GRPC.UNAVAILABLE,
  503: GRPC.UNAVAILABLE,
  504: GRPC.UNAVAILABLE,
};

const SAID: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  429: 'sending queue is full',
  500: 'Permanent error: not delivered',
  503: 'sending queue is full',
};

function failure(status: number, by: Refusal['by']): Refusal {
  const message = SAID[status] ?? `Received HTTP status code ${status}`;
  return { kind: 'refuse', status, grpc: GRPC_OF[status] ?? GRPC.UNKNOWN, message, by };
}

function malformed(message: string): Refusal {
  return { kind: 'refuse', status: 400, grpc: GRPC.INVALID_ARGUMENT, message, by: 'collector' };
}

/** What answers where no collector is. */
function elsewhere(how: 400 | 404 | 405 | 'html-200'): Reply {
  if (how === 'html-200') return { kind: 'web-page' };
  if (how === 400) {
    const message = 'Client sent an HTTP request to an HTTPS server.';
    return { kind: 'refuse', status: 400, grpc: GRPC.INTERNAL, message, by: 'go' };
  }
  const message = how === 404 ? '404 page not found' : 'Method Not Allowed';
  return { ...failure(how, 'go'), message };
}
