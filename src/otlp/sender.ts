/** Sends batches of encoded records as OTLP/HTTP requests, one attempt per call. */

import type { Clock } from '../common/clock.ts';
import { quietly } from '../common/errors.ts';
import { runExporting } from '../delivery/export-context.ts';
import { resolved } from '../delivery/pending-resources.ts';
import type { AttemptHints, Outcome, Sender } from '../delivery/sender.ts';
import type { EncodedBatch } from './encoding/encoded-batch.ts';
import type { ExporterMetrics } from './metrics.ts';
import { outcomeOf, outcomeOfFailure } from './response.ts';
import type { SetUpMistakes } from './setup-mistakes.ts';
import type { OtlpTransport, PostOptions } from './transport.ts';

/** Limit for the fresh connection over which a doubtful destination is asked. */
const CONNECT_MILLIS = 3_000;

export interface OtlpSenderSettings {
  /** Limit for a request body before compression. */
  readonly maxRequestBytes: number;
  readonly demandsOtlp: boolean;
  /** Whether a request keeps the process alive. */
  readonly keepAlive: boolean;
  readonly mistakes: SetUpMistakes;
}

export class OtlpSender implements Sender<EncodedBatch> {
  readonly #transport: OtlpTransport;
  readonly #metrics: ExporterMetrics;
  readonly #clock: Clock;
  readonly #settings: OtlpSenderSettings;

  constructor(
    transport: OtlpTransport,
    metrics: ExporterMetrics,
    clock: Clock,
    settings: OtlpSenderSettings,
  ) {
    this.#transport = transport;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#settings = settings;
  }

  async send(batch: EncodedBatch, signal: AbortSignal, hints?: AttemptHints): Promise<Outcome> {
    const pending = batch.pendingResources;
    if (pending.length > 0) await resolved(pending, this.#clock);
    const { records } = batch;
    let body: Buffer;
    try {
      body = batch.toRequest();
    } catch (error) {
      // Records are encoded already; only attributes of a resource that resolved late can fail.
      return { kind: 'unserializable', error };
    }
    const { maxRequestBytes, demandsOtlp, keepAlive, mistakes } = this.#settings;
    if (body.length > maxRequestBytes) {
      const message = `not sent: a request of ${body.length} bytes is larger than maxRequestBytes (${maxRequestBytes})`;
      return { kind: 'too_large', error: new Error(message), wasSent: false };
    }
    const startedAt = this.#clock.now();
    quietly(() => this.#metrics.started(records));
    let status: number | undefined;
    let outcome: Outcome;
    try {
      const response = await runExporting(() =>
        this.#transport.post(body, signal, { keepAlive, ...(hints && optionsOf(hints)) }),
      );
      status = response.status;
      outcome = outcomeOf(response, this.#clock.wallNow, demandsOtlp);
      mistakes.answered(response, outcome.kind === 'delivered');
    } catch (error) {
      mistakes.failed(error);
      outcome = outcomeOfFailure(error);
    }
    const durationMillis = this.#clock.now() - startedAt;
    quietly(() => this.#metrics.ended(records, outcome, status, durationMillis));
    return outcome;
  }
}

function optionsOf({ freshConnection, silences }: AttemptHints): PostOptions {
  return { freshConnection, silences, ...(freshConnection && { connectTimeoutMillis: CONNECT_MILLIS }) };
}
