/** Gives requests their answers, stores what is to be stored before, and counts both. */

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Counts } from './account.ts';
import type { PartialReply, Reply, ResetReply, StatusReply, UnfinishedReply } from './behaviour.ts';
import type { DecodedRequest } from './decode.ts';
import type { Report } from './received.ts';
import { contentTypes, type Encoding, encodeResponse, encodeStatus } from './responses.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly encoding: Encoding;
}

/** gRPC codes for the `google.rpc.Status` body; every other status says UNKNOWN. */
const statusCodes: Record<number, number> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  413: 8,
  429: 8,
  503: 14,
  504: 4,
};

const WEB_PAGE = '<!doctype html><title>Welcome</title><p>Please sign in.</p>';

export function refusal(status: number, message: string): StatusReply {
  return { kind: 'status', status, message };
}

export class Answers {
  readonly #counts: Counts;
  readonly #onReport: (report: Report) => void | Promise<void>;
  /** To requests whose records are stored. */
  readonly #owed = new Set<ServerResponse>();

  constructor(counts: Counts, onReport: (report: Report) => void | Promise<void>) {
    this.#counts = counts;
    this.#onReport = onReport;
  }

  /** Resolves when nothing is stored whose sender has not been told, or is gone. */
  async given(): Promise<void> {
    await Promise.all(Array.from(this.#owed, (response) => response.closed || once(response, 'close')));
  }

  async give(exchange: Exchange, reply: Reply, decoded: DecodedRequest): Promise<void> {
    if (reply.kind === 'status') return this.refuse(exchange, reply, decoded.count);
    if (reply.kind === 'web-page') return this.#showPage(exchange, decoded);
    if (reply.kind === 'accept') return this.#accept(exchange, decoded);
    if (reply.kind === 'partial') return this.#accept(exchange, decoded, reply);
    return this.#leave(exchange, reply, decoded);
  }

  /** @param records those that could be read. */
  refuse({ response, encoding }: Exchange, reply: StatusReply, records = 0): void {
    this.#tally(String(reply.status));
    this.#counts.refused += records;
    const { retryAfterSeconds, retryAfterForm = 'seconds' } = reply;
    if (retryAfterSeconds !== undefined) {
      const date = new Date(Date.now() + retryAfterSeconds * 1000).toUTCString();
      response.setHeader('retry-after', retryAfterForm === 'date' ? date : String(retryAfterSeconds));
    }
    response.writeHead(reply.status, { 'content-type': contentTypes[encoding], ...reply.headers });
    response.end(encodeStatus(encoding, statusCodes[reply.status] ?? 2, reply.message ?? 'scripted answer'));
  }

  async #accept(
    { response, encoding }: Exchange,
    decoded: DecodedRequest,
    partial?: PartialReply,
  ): Promise<void> {
    const { rejected = 0, message = 'rejected by the test' } = partial ?? {};
    const stored = Math.max(0, decoded.count - rejected);
    this.#tally('200');
    this.#owed.add(response);
    response.on('close', () => this.#owed.delete(response));
    await this.#store(decoded, stored);
    response.on('finish', () => {
      this.#counts.acknowledged += stored;
    });
    response.setHeader('content-type', contentTypes[encoding]);
    response.end(encodeResponse(encoding, partial && { rejected, message }));
  }

  async #showPage({ response }: Exchange, decoded: DecodedRequest): Promise<void> {
    this.#tally('web-page');
    await this.#store(decoded, 0);
    response.setHeader('content-type', 'text/html; charset=utf-8').end(WEB_PAGE);
  }

  /** Without a whole answer. */
  async #leave(
    { request, response, encoding }: Exchange,
    reply: UnfinishedReply | ResetReply,
    decoded: DecodedRequest,
  ): Promise<void> {
    const half = reply.kind === 'half-response' || (reply.kind === 'reset' && reply.at === 'mid-response');
    this.#tally(reply.kind);
    await this.#store(decoded, (reply.stored ?? half) ? decoded.count : 0);
    if (half) {
      response.writeHead(200, { 'content-type': contentTypes[encoding], 'content-length': '64' });
      await new Promise<void>((resolve) => response.write('{"partialSuccess":', () => resolve()));
    }
    if (reply.kind !== 'reset') return;
    // A reset would overtake the half that is still on its way; the end of the stream comes after it.
    if (half) request.socket.destroy();
    else request.socket.resetAndDestroy();
  }

  /** The first `count`; the others are refused. */
  async #store(decoded: DecodedRequest, count: number): Promise<void> {
    this.#counts.records += count;
    this.#counts.refused += decoded.count - count;
    await this.#onReport({
      counts: this.#counts,
      ids: decoded.ids.slice(0, count),
      records: decoded.records.slice(0, count),
    });
  }

  #tally(answer: string): void {
    this.#counts.answers[answer] = (this.#counts.answers[answer] ?? 0) + 1;
  }
}
