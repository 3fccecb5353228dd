/** An OTLP/gRPC logs collector for tests: a real server that answers each request as the test decides. */

import {
  Metadata,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import root from 'otlp-transformer-0.203/build/src/generated/root.js';
import { onTestFinished } from 'vitest';
import { decodeRequest } from '../../src/testing/decode.ts';
import { ownPort } from '../../src/testing/own-port.ts';

/** Stores the records; never answers; or refuses, with a requested delay where given. */
export type GrpcReply =
  | 'accept'
  | 'hang'
  | { readonly code: number; readonly details?: string; readonly retryDelayMillis?: number };

interface Call {
  readonly request: Buffer;
  readonly metadata: Metadata;
}

export interface GrpcRequest {
  readonly atMillis: number;
  readonly ids: readonly string[];
  readonly reply: GrpcReply;
}

const SERVICE = {
  export: {
    path: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (value: Buffer) => value,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (value: Buffer) => value,
  },
};

export class GrpcCollector {
  /** Decides by the ids of the records in a request. */
  reply: (ids: readonly string[]) => GrpcReply = () => 'accept';
  /** Every request that was small enough to be read, in order. */
  readonly requests: GrpcRequest[] = [];
  /** How often each record was stored. */
  readonly ids = new Map<string, number>();
  #port = 0;
  readonly #options: object;
  #server: Server | undefined;

  /** @param maxReceiveBytes a larger message is refused with RESOURCE_EXHAUSTED by the server itself. */
  private constructor(maxReceiveBytes: number | undefined) {
    this.#options =
      maxReceiveBytes === undefined ? {} : { 'grpc.max_receive_message_length': maxReceiveBytes };
  }

  /** Stops by itself at the end of the test. */
  static async start(options: { maxReceiveBytes?: number } = {}): Promise<GrpcCollector> {
    const collector = new GrpcCollector(options.maxReceiveBytes);
    onTestFinished(() => collector.stop());
    collector.#port = await ownPort();
    await collector.listen();
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens, always on the same port. */
  async listen(): Promise<void> {
    const server = new Server(this.#options);
    server.addService(SERVICE, { export: this.#export as UntypedHandleCall });
    this.#server = server;
    await new Promise<number>((resolve, reject) => {
      const bound = (error: Error | null, port: number) => (error ? reject(error) : resolve(port));
      server.bindAsync(`127.0.0.1:${this.#port}`, ServerCredentials.createInsecure(), bound);
    });
  }

  /** Cuts every connection; new ones are refused. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  readonly #export = ({ request }: Call, callback: sendUnaryData<Buffer>): void => {
    const { ids } = decodeRequest(request, 'protobuf', 'ids', 'body');
    const reply = this.reply(ids);
    this.requests.push({ atMillis: performance.now(), ids, reply });
    if (reply === 'hang') return;
    if (reply === 'accept') {
      for (const id of ids) this.ids.set(id, (this.ids.get(id) ?? 0) + 1);
      callback(null, Buffer.alloc(0));
      return;
    }
    const { code, details = 'as the test says', retryDelayMillis } = reply;
    const metadata = new Metadata();
    if (retryDelayMillis !== undefined) {
      metadata.set('grpc-status-details-bin', statusWithRetryInfo(code, details, retryDelayMillis));
    }
    callback({ code, details, metadata });
  };
}

interface ProtobufWriter {
  uint32(value: number): ProtobufWriter;
  int32(value: number): ProtobufWriter;
  int64(value: number): ProtobufWriter;
  string(value: string): ProtobufWriter;
  bytes(value: Uint8Array): ProtobufWriter;
  finish(): Uint8Array;
}

/** google.rpc.Status { code = 1, message = 2, details = 3: Any { RetryInfo { retry_delay = 1: Duration } } } */
function statusWithRetryInfo(code: number, message: string, delayMillis: number): Buffer {
  const seconds = Math.trunc(delayMillis / 1_000);
  const duration = writer()
    .uint32(0x08)
    .int64(seconds)
    .uint32(0x10)
    .int32((delayMillis - seconds * 1_000) * 1e6);
  const retryInfo = writer().uint32(0x0a).bytes(duration.finish());
  const any = writer()
    .uint32(0x0a)
    .string('type.googleapis.com/google.rpc.RetryInfo')
    .uint32(0x12)
    .bytes(retryInfo.finish());
  const status = writer()
    .uint32(0x08)
    .int32(code)
    .uint32(0x12)
    .string(message)
    .uint32(0x1a)
    .bytes(any.finish());
  return Buffer.from(status.finish());
}

/** The generated classes have no google.rpc messages; an empty response lends its protobuf writer. */
function writer(): ProtobufWriter {
  const { ExportLogsServiceResponse } = (root as unknown as GeneratedRoot).opentelemetry.proto.collector.logs
    .v1;
  return ExportLogsServiceResponse.encode({});
}

interface GeneratedRoot {
  opentelemetry: {
    proto: {
      collector: { logs: { v1: { ExportLogsServiceResponse: { encode(message: object): ProtobufWriter } } } };
    };
  };
}
