/** A process with an OTLP/gRPC collector that counts what it gets and answers after a while. */

import { Server, ServerCredentials, type sendUnaryData, type UntypedHandleCall } from '@grpc/grpc-js';
import { decodeRequest } from '../../src/testing/decode.ts';

export interface GrpcCounts {
  readonly records: number;
  readonly requests: number;
}

const identity = (value: Buffer) => value;
const SERVICE = {
  export: {
    path: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
};

const latencyMillis = Number(process.argv[2]);
let records = 0;
let requests = 0;

function take({ request }: { readonly request: Buffer }, callback: sendUnaryData<Buffer>): void {
  records += decodeRequest(request, 'protobuf', 'count').count;
  requests++;
  setTimeout(() => callback(null, Buffer.alloc(0)), latencyMillis);
}

const server = new Server();
server.addService(SERVICE, { export: take as UntypedHandleCall });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send?.({ port });
});
process.on('message', () => process.send?.({ records, requests } satisfies GrpcCounts));
process.on('disconnect', () => process.exit(0));
