/**
 * The limit: a processor with nothing but the encoder and a socket. It encodes each record into the open request and writes
 * full ones, as HTTP, without a queue's bounds, retries, time limits, accounts, or a look at the answers.
 */

import { connect, type Socket } from 'node:net';
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { EncodedBatch } from '../../src/otlp/encoding/encoded-batch.ts';
import { EnvelopeEncoder } from '../../src/otlp/encoding/envelope-encoder.ts';

const REQUEST_RECORDS = 4_096;
const REQUEST_BYTES = 1024 ** 2;
/** Room for one more record, so that the buffer does not grow. */
const BUFFER_BYTES = REQUEST_BYTES + 4_096;
const ANSWER = 'HTTP/1.1 200';
const POLL_MILLIS = 1;

export class LimitProcessor implements LogRecordProcessor {
  readonly #url: URL;
  readonly #socket: Socket;
  readonly #envelopes = new EnvelopeEncoder();
  #batch = this.#newBatch();
  #requests = 0;
  #answers = 0;

  constructor(url: string) {
    this.#url = new URL(url);
    this.#socket = connect(Number(this.#url.port), this.#url.hostname).setNoDelay();
    this.#socket.setEncoding('latin1').on('data', (text: string) => {
      this.#answers += text.split(ANSWER).length - 1;
    });
  }

  onEmit(record: Parameters<LogRecordProcessor['onEmit']>[0]): void {
    this.#batch.add(record);
    if (this.#batch.records >= REQUEST_RECORDS || this.#batch.bytes >= REQUEST_BYTES) this.#send();
  }

  async forceFlush(): Promise<void> {
    if (this.#batch.records > 0) this.#send();
    while (this.#answers < this.#requests) await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS));
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
    this.#socket.destroy();
  }

  #send(): void {
    const body = this.#batch.toRequest();
    const head = [
      `POST ${this.#url.pathname} HTTP/1.1`,
      `Host: ${this.#url.host}`,
      'Content-Type: application/x-protobuf',
      `Content-Length: ${body.length}`,
    ];
    this.#socket.cork();
    this.#socket.write(`${head.join('\r\n')}\r\n\r\n`);
    this.#socket.write(body);
    this.#socket.uncork();
    this.#requests++;
    this.#batch = this.#newBatch();
  }

  #newBatch(): EncodedBatch {
    return new EncodedBatch(this.#envelopes, Number.POSITIVE_INFINITY, BUFFER_BYTES);
  }
}
