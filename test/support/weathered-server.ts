/** A real HTTP server with the weather of a simulated collector: what it answers is what the simulated one would. */

import type { ServerResponse } from 'node:http';
import { Climate } from '../../simulation/network/climate.ts';
import { httpAnswer, type Reply } from '../../simulation/network/replies.ts';
import { contentOf } from '../../simulation/network/request-content.ts';
import type { Weather } from '../../simulation/network/weather.ts';
import { systemClock } from '../../src/common/clock.ts';
import { HttpSink } from './http-sink.ts';

export class WeatheredServer {
  readonly sink: HttpSink;
  /** For each request in turn; the last one stays. */
  readonly #climates: Climate[];
  requests = 0;

  private constructor(sink: HttpSink, script: readonly Weather[]) {
    this.sink = sink;
    this.#climates = script.map((weather) => new Climate(weather, systemClock));
    sink.answer = (response, { body }) => {
      const climate = this.#climates[Math.min(this.requests++, this.#climates.length - 1)] as Climate;
      reply(response, climate.judge(contentOf(body), 'http').reply);
    };
  }

  /** Stops by itself at the end of the test. */
  static async start(...script: readonly Weather[]): Promise<WeatheredServer> {
    return new WeatheredServer(await new HttpSink().start(), script);
  }

  get url(): string {
    return `${this.sink.origin}/v1/logs`;
  }
}

function reply(response: ServerResponse, reply: Reply): void {
  switch (reply.kind) {
    case 'hang':
      return;
    case 'reset':
      response.socket?.resetAndDestroy();
      return;
    case 'half':
      response.writeHead(reply.status, { 'content-type': 'application/x-protobuf', 'content-length': 10 });
      response.write(Buffer.alloc(3), () => {
        if (reply.end === 'reset') response.socket?.destroy();
      });
      return;
    default: {
      const { status, retryAfter, contentType, body } = httpAnswer(reply);
      response.writeHead(status, {
        ...(contentType !== undefined && { 'content-type': contentType }),
        ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
        'content-length': body.length,
      });
      response.end(body);
    }
  }
}
