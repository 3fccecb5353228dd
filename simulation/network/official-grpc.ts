/** A model of @opentelemetry/exporter-logs-otlp-grpc 0.301: one call for each export, on a channel of grpc-js. */

import type { Collector, NetworkProcess } from './collector.ts';
import { GrpcChannel } from './grpc-channel.ts';
import { serviceError } from './grpc-status.ts';
import {
  type OfficialTransport,
  OTLPExportDelegate,
  OTLPLogExporter,
  type Sent,
} from './official-exporter.ts';
import { GRPC } from './replies.ts';
import type { RequestContent } from './request-content.ts';

const DEFAULT_TIMEOUT_MILLIS = 10_000;
/** After more calls than this in a row that ran out of time a new client, with a new channel, is made. */
const MAX_DEADLINES_EXCEEDED = 5;

export interface OfficialGrpcOptions {
  /** Milliseconds for an export. Default 10,000. */
  readonly timeoutMillis?: number;
}

export function officialGrpcExporter(
  collector: Collector,
  process: NetworkProcess,
  { timeoutMillis = DEFAULT_TIMEOUT_MILLIS }: OfficialGrpcOptions = {},
): OTLPLogExporter {
  const transport = new GrpcExporterTransport(collector, process);
  return new OTLPLogExporter(
    new OTLPExportDelegate(transport, timeoutMillis, collector, process, 'official-grpc'),
  );
}

class GrpcExporterTransport implements OfficialTransport {
  readonly _parameters = {
    address: 'localhost:4317',
    grpcName: 'LogsExportService',
    grpcPath: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  };
  _client: GrpcChannel | undefined;
  _deadlineExceededCount = 0;
  readonly #collector: Collector;
  readonly #process: NetworkProcess;

  constructor(collector: Collector, process: NetworkProcess) {
    this.#collector = collector;
    this.#process = process;
  }

  send(content: RequestContent, timeoutMillis: number): Promise<Sent> {
    if (this._client === undefined) {
      this._client = new GrpcChannel(this.#collector, this.#process);
      this._deadlineExceededCount = 0;
    }
    const client = this._client;
    return new Promise((resolve) => {
      client.call(content, timeoutMillis, (status) => {
        if (status.code === 0) {
          this._deadlineExceededCount = 0;
          resolve({ status: 'success' });
          return;
        }
        resolve({ status: 'failure', error: serviceError(status) });
        if (status.code !== GRPC.DEADLINE_EXCEEDED) return;
        if (++this._deadlineExceededCount > MAX_DEADLINES_EXCEEDED) {
          this._client?.close();
          this._client = undefined;
        }
      });
    });
  }

  shutdown(): void {
    this._client?.close();
  }
}
