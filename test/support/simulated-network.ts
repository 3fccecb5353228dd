/** Requests for a simulated collector, and one process that sends them. */

import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { onTestFinished } from 'vitest';
import { Collector, type CollectorOptions } from '../../simulation/network/collector.ts';
import { SimulatedTransport } from '../../simulation/network/own-transport.ts';
import { HEALTHY, type Weather } from '../../simulation/network/weather.ts';
import type { OtlpResponse } from '../../simulation/subject.ts';
import { ManualClock } from './manual-clock.ts';
import { record } from './records.ts';

/** One record for each body, as the official serialiser writes them. */
export function encodedRequest(bodies: readonly string[]): Uint8Array {
  const records = bodies.map((body) => record({ body }));
  return ProtobufLogsSerializer.serializeRequest(records as never) as Uint8Array;
}

/** A request through the model of the own exporter's transport, and what has come of it so far. */
export interface Post {
  status: number | undefined;
  response: OtlpResponse | undefined;
  error: (Error & { code?: unknown }) | undefined;
  readonly abort: (reason?: unknown) => void;
}

export class SimulatedNetwork {
  readonly clock = new ManualClock(0);
  readonly collector: Collector;
  readonly transport: SimulatedTransport;
  #records = 0;

  constructor(weather: Weather = HEALTHY, options: CollectorOptions = {}) {
    this.collector = new Collector(this.clock, weather, options);
    this.transport = new SimulatedTransport(this.collector, { id: 'p1', clock: this.clock });
    onTestFinished(() => this.transport.close());
  }

  /** Sends so many new records, `p1-0` the first of all. */
  post(records = 1, padding = ''): Post {
    const bodies = Array.from({ length: records }, () => `p1-${this.#records++} ${padding}`);
    const controller = new AbortController();
    const post: Post = {
      status: undefined,
      response: undefined,
      error: undefined,
      abort: (reason) => controller.abort(reason),
    };
    this.transport.post(encodedRequest(bodies), controller.signal).then(
      (response) => Object.assign(post, { response, status: response.status }),
      (error) => Object.assign(post, { error }),
    );
    return post;
  }

  advance(millis: number): Promise<void> {
    return this.clock.advance(millis);
  }
}
