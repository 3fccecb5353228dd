/** The package's own OTLP/HTTP protobuf exporter: an adapter for our processor, an ordinary exporter for any other. */

import type { MeterProvider } from '@opentelemetry/api';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import { type Clock, systemClock } from '../common/clock.ts';
import { messageOf, SpillwayError } from '../common/errors.ts';
import { requireSupportedNode } from '../common/package.ts';
import { say } from '../delivery/export-context.ts';
import {
  ADAPTER,
  type AdapterFactory,
  type AdapterSettings,
  type ExporterAdapter,
} from '../delivery/exporter-adapter.ts';
import type { EmittedRecord } from '../queue/log-batch.ts';
import { type OtlpConfig, resolveOtlpConfig } from './config.ts';
import { EncodedBatchCodec } from './encoding/batch-codecs.ts';
import { EncodedBatch } from './encoding/encoded-batch.ts';
import { EnvelopeEncoder } from './encoding/envelope-encoder.ts';
import { HttpTransport } from './http-transport.ts';
import { ExporterMetrics } from './metrics.ts';
import type { OtlpLogExporterOptions } from './options.ts';
import { OtlpSender } from './sender.ts';
import { SetUpMistakes } from './setup-mistakes.ts';
import type { OtlpTransport } from './transport.ts';

type ExportResultCallback = Parameters<LogRecordExporter['export']>[1];

/** Never aborts: only the timeout of its request ends an export. */
const NEVER = new AbortController();

const SUCCESS = 0;
const FAILED = 1;

/** About 1 MB of typical records: a request costs as much as encoding hundreds, so few large ones are cheaper. */
const EXPORT_BATCH_RECORDS = 4_096;
/** Size of the first batch's buffer, and the minimum for later ones. */
const MIN_BUFFER_BYTES = 4 * 1024;
/** Size of the next buffer relative to the bytes that the last batch used. */
const BUFFER_SLACK = 1.02;

/**
 * Behind `SpillwayLogRecordProcessor`, records are encoded once, on admission, and every answer of the collector is
 * evaluated: the processor does not call `export`, but asks the exporter how to make and send batches. Behind any other
 * processor, it is an ordinary exporter that makes one attempt per export.
 */
export class SpillwayOtlpLogExporter implements LogRecordExporter {
  readonly #config: OtlpConfig;
  readonly #meterProvider: MeterProvider | undefined;
  readonly #transport: OtlpTransport;
  readonly #mistakes: SetUpMistakes;
  readonly #envelopes = new EnvelopeEncoder();
  readonly #pending = new Set<Promise<unknown>>();
  #ownMetrics: ExporterMetrics | undefined;
  #isShutDown = false;

  /**
   * Options that are not given come from `OTEL_EXPORTER_OTLP_LOGS_*` and `OTEL_EXPORTER_OTLP_*`.
   * @throws SpillwayError `ERR_SPILLWAY_OPTION` with the option, its range and the value; `ERR_SPILLWAY_NODE_VERSION`.
   */
  constructor(options?: OtlpLogExporterOptions);
  /** @internal */
  constructor(options: OtlpLogExporterOptions, transport: OtlpTransport);
  constructor(options: OtlpLogExporterOptions = {}, transport?: OtlpTransport) {
    requireSupportedNode();
    this.#config = resolveOtlpConfig(options, process.env);
    this.#transport = transport ?? new HttpTransport(this.#config);
    this.#mistakes = new SetUpMistakes(this.#config.url);
    this.#meterProvider = options.meterProvider ?? options.selfObsMeterProvider;
  }

  /** @internal */
  get [ADAPTER](): AdapterFactory<EncodedBatch> {
    return {
      defaults: {
        maxExportBatchSize: EXPORT_BATCH_RECORDS,
        maxConcurrentExports: this.#config.concurrencyLimit,
        maxRequestBytes: this.#config.maxRequestBytes,
      },
      open: (settings) => this.#openAdapter(settings),
    };
  }

  #openAdapter({ maxRecordBytes, meterProvider, clock }: AdapterSettings): ExporterAdapter<EncodedBatch> {
    const metrics = new ExporterMetrics(this.#config.url, this.#meterProvider ?? meterProvider, false);
    let bufferBytes = MIN_BUFFER_BYTES;
    let last: EncodedBatch | undefined;
    return {
      openBatch: () => {
        if (last !== undefined) {
          bufferBytes = Math.max(MIN_BUFFER_BYTES, Math.ceil(last.usedBytes * BUFFER_SLACK));
        }
        last = new EncodedBatch(this.#envelopes, maxRecordBytes, bufferBytes);
        return last;
      },
      // The processor waits for answers while somebody waits for it: at a flush, and at the end of the process.
      sender: this.#senderWith(metrics, clock, false),
      codec: new EncodedBatchCodec(this.#envelopes, maxRecordBytes),
      startingExports: 1,
    };
  }

  /** Makes one attempt and calls back with its result; a failed export is not retried. */
  export(records: Parameters<LogRecordExporter['export']>[0], resultCallback: ExportResultCallback): void {
    const sent = this.#send(records).then(
      (error) => resultCallback(error === undefined ? { code: SUCCESS } : { code: FAILED, error }),
      (error: Error) => resultCallback({ code: FAILED, error }),
    );
    this.#pending.add(sent);
    void sent
      .catch((error) => say('error', `the callback of an export threw: ${messageOf(error)}`))
      .finally(() => this.#pending.delete(sent));
  }

  /** Resolves when all exports that were under way have ended. */
  async forceFlush(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  /** Waits for the exports under way, each bounded by its timeout, then closes the connections. */
  async shutdown(): Promise<void> {
    this.#isShutDown = true;
    await this.forceFlush();
    await this.#transport.close();
  }

  #senderWith(metrics: ExporterMetrics, clock: Clock, keepAlive: boolean): OtlpSender {
    return new OtlpSender(this.#transport, metrics, clock, {
      maxRequestBytes: this.#config.maxRequestBytes,
      demandsOtlp: this.#config.demandsOtlp,
      keepAlive,
      mistakes: this.#mistakes,
    });
  }

  async #send(records: Parameters<LogRecordExporter['export']>[0]): Promise<Error | undefined> {
    if (this.#isShutDown)
      return new SpillwayError('ERR_SPILLWAY_SHUTDOWN', 'otel-spillway: the exporter is shut down');
    this.#ownMetrics ??= new ExporterMetrics(this.#config.url, this.#meterProvider, true);
    const batch = new EncodedBatch(this.#envelopes, Number.POSITIVE_INFINITY, records.length * 256);
    for (const record of records) batch.add(record as EmittedRecord);
    const outcome = await this.#senderWith(this.#ownMetrics, systemClock, true).send(batch, NEVER.signal);
    if (outcome.kind === 'delivered') {
      const { rejectedRecords, message = 'without a reason' } = outcome;
      // A callback cannot express a partial success.
      if (rejectedRecords > 0 || outcome.message)
        say('warn', `the collector rejected ${rejectedRecords} of ${records.length} records: ${message}`);
      return undefined;
    }
    return outcome.error instanceof Error ? outcome.error : new Error(String(outcome.error));
  }
}
