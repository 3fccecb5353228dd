/** Sends batches of encoded records as OTLP/HTTP requests, one attempt at a time. */

import type { Clock } from '../clock.ts';
import { runExporting } from '../delivery/export-context.ts';
import { resolved } from '../delivery/pending-resources.ts';
import type { Outcome, Sender } from '../delivery/sender.ts';
import { quietly } from '../errors.ts';
import type { EncodedBatch } from './encoded-batch.ts';
import type { ExporterMetrics } from './exporter-metrics.ts';
import type { OtlpTransport } from './http-transport.ts';
import { outcomeOf, outcomeOfFailure } from './otlp-response.ts';

export class OtlpSender implements Sender<EncodedBatch> {
  readonly #transport: OtlpTransport;
  readonly #metrics: ExporterMetrics;
  readonly #clock: Clock;

  constructor(transport: OtlpTransport, metrics: ExporterMetrics, clock: Clock) {
    this.#transport = transport;
    this.#metrics = metrics;
    this.#clock = clock;
  }

  async send(batch: EncodedBatch, signal: AbortSignal): Promise<Outcome> {
    const pending = batch.pendingResources;
    if (pending.length > 0) await resolved(pending, this.#clock);
    const { records } = batch;
    let body: Buffer;
    try {
      body = batch.toRequest();
    } catch (error) {
      // Not the records, which are encoded, but the attributes of a resource that resolved late.
      return { kind: 'unserializable', error };
    }
    const startedAt = this.#clock.now();
    quietly(() => this.#metrics.started(records));
    let status: number | undefined;
    let outcome: Outcome;
    try {
      const response = await runExporting(() => this.#transport.post(body, signal));
      status = response.status;
      outcome = outcomeOf(response, this.#clock.wallNow);
    } catch (error) {
      outcome = outcomeOfFailure(error);
    }
    const durationMillis = this.#clock.now() - startedAt;
    quietly(() => this.#metrics.ended(records, outcome, status, durationMillis));
    return outcome;
  }
}
