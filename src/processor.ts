/** The LogRecordProcessor, which admits records and keeps the promises of its interface. */

import type { Context } from '@opentelemetry/api';
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { messageOf, SpillwayError } from './common/errors.ts';
import { requireSupportedNode } from './common/package.ts';
import { originOf } from './delivery/export-context.ts';
import { shutdownSettings } from './options/option-groups.ts';
import type { ShutdownOptions, SpillwayOptions } from './options/options.ts';
import { gaugesOf, healthOfPipeline, statsOfPipeline } from './pipeline/observation.ts';
import { buildPipeline, type Pipeline, type Surroundings } from './pipeline/pipeline.ts';
import type { ShutdownSequence } from './pipeline/shutdown-sequence.ts';
import type { ReadyOptions } from './queue/backpressure.ts';
import type { EmittedRecord } from './queue/log-batch.ts';
import type { SpillwayHealth, SpillwayStats } from './telemetry/stats.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

/** How long a `forceFlush()` may take. */
export interface FlushOptions {
  /**
   * Milliseconds, 0 or more, after which the promise rejects. Default, also for invalid values: the option
   * `flushTimeoutMillis`.
   */
  timeoutMillis?: number;
}

/**
 * Takes the place of `BatchLogRecordProcessor`. After construction it never throws into the application,
 * except that `forceFlush` and `ready` reject as documented.
 */
export class SpillwayLogRecordProcessor implements LogRecordProcessor {
  readonly #pipeline: Pipeline;
  // Used for every record.
  readonly #telemetry: Telemetry;
  readonly #shutdownSequence: ShutdownSequence;
  readonly #offer: (record: EmittedRecord) => void;

  /** @throws SpillwayError `ERR_SPILLWAY_OPTION`, naming the option, its range and the value; `ERR_SPILLWAY_NODE_VERSION`. */
  constructor(options?: SpillwayOptions);
  /** @internal */
  constructor(options: SpillwayOptions, surroundings: Surroundings);
  constructor(options: SpillwayOptions = {}, surroundings?: Surroundings) {
    requireSupportedNode();
    this.#pipeline = buildPipeline(options, surroundings);
    this.#telemetry = this.#pipeline.telemetry;
    this.#shutdownSequence = this.#pipeline.shutdownSequence;
    this.#offer = this.#pipeline.offer;
    this.#telemetry.observe(() => gaugesOf(this.#pipeline));
  }

  /**
   * Admits a record. Never waits, throws or does I/O, with one exception: when a burst would overflow the queue and
   * there is a spool, batches are written to disk synchronously.
   */
  onEmit(logRecord: EmittedRecord, context?: Context): void {
    const origin = originOf(context);
    if (origin !== undefined || this.#shutdownSequence.isShutDown) {
      this.#telemetry.ledger.offered++;
      if (origin === 'callback') this.#telemetry.droppedInCallback();
      else this.#telemetry.dropped(this.#shutdownSequence.isShutDown ? 'already_shutdown' : 'self', 1, false);
      return;
    }
    this.#offer(logRecord);
    this.#telemetry.marker?.offered(logRecord);
  }

  /**
   * Always true. The SDK asks before each `onEmit`, and a record refused here would be lost without a count. `onEmit`
   * refuses records (`shed`, memory, after shutdown) and counts them as dropped with their reason.
   */
  enabled(_options?: Parameters<NonNullable<LogRecordProcessor['enabled']>>[0]): boolean {
    return true;
  }

  /**
   * Resolves when every record emitted before the call is delivered, dropped or safe in the spool, and the exporter has
   * flushed. With a spool, records that cannot be sent in time are stored. Waits neither for the scheduled delay nor
   * for a back-off. After `shutdown()`, returns its promise.
   *
   * @throws SpillwayError (as a rejection) `ERR_SPILLWAY_FLUSH_TIMEOUT` or `ERR_SPILLWAY_UNAVAILABLE`; the records are
   *   then still queued.
   */
  async forceFlush(options?: FlushOptions): Promise<void> {
    if (this.#shutdownSequence.isShutDown) return this.#shutdownSequence.promise;
    const given = options?.timeoutMillis;
    const timeoutMillis =
      typeof given === 'number' && given >= 0 ? given : this.#pipeline.settings.flushTimeoutMillis;
    const result = await this.#shutdownSequence.flush(timeoutMillis);
    if (result === 'timeout') {
      throw new SpillwayError(
        'ERR_SPILLWAY_FLUSH_TIMEOUT',
        `otel-spillway: not flushed within ${timeoutMillis} ms; ${this.#pipeline.queue.records} records are queued`,
      );
    }
    if (result === 'silent') {
      throw new SpillwayError(
        'ERR_SPILLWAY_UNAVAILABLE',
        `otel-spillway: the destination has not answered since a flush waited ${timeoutMillis} ms for it`,
      );
    }
    if (result === 'unavailable') {
      const { lastError } = this.#telemetry.ledger;
      throw new SpillwayError(
        'ERR_SPILLWAY_UNAVAILABLE',
        `otel-spillway: the destination will not be called again within ${timeoutMillis} ms${lastError === undefined ? '' : ` (${lastError})`}`,
      );
    }
  }

  /**
   * Ends the processor within its deadline (plus 50 ms), whatever the exporter does; see `ShutdownOptions`. Includes
   * the effect of `forceFlush`. Records that could not be sent stay in the spool or, without one, are dropped as
   * `shutdown`. Never rejects. A second call returns the same promise, and can only shorten the deadline.
   */
  shutdown(options?: ShutdownOptions): Promise<void> {
    let settings = this.#pipeline.settings.shutdown;
    try {
      settings = shutdownSettings(options, settings);
    } catch (error) {
      this.#telemetry.diagnostics.warn('shutdown options', messageOf(error).replace('otel-spillway: ', ''));
    }
    return this.#shutdownSequence.shutdown(settings, options?.timeoutMillis !== undefined);
  }

  /** Where every record went, and how delivery is doing: a plain JSON object. */
  stats(): SpillwayStats {
    return statsOfPipeline(this.#pipeline);
  }

  /** Whether logs get through, in a form for a readiness probe. */
  health(): SpillwayHealth {
    return healthOfPipeline(this.#pipeline);
  }

  /** How full the queue is, 0 to 1, by records or by bytes, whichever is fuller. */
  get pressure(): number {
    return this.#pipeline.queue.pressure;
  }

  /**
   * Resolves when the queue is less full than `below`: for jobs that can wait instead of losing logs.
   * @throws SpillwayError (as a rejection) `ERR_SPILLWAY_OPTION`, `ERR_SPILLWAY_SHUTDOWN`; or the signal's reason.
   */
  ready(options?: ReadyOptions): Promise<void> {
    return this.#pipeline.backpressure.wait(options);
  }
}
