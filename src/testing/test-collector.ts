/** An OTLP/HTTP logs collector for tests: it decodes what it receives, keeps account of it, and misbehaves on demand. */

import type { Account } from './account.ts';
import type { Condition, ScriptedReply } from './behaviour.ts';
import { hostInChild } from './child-process.ts';
import { type CollectorHost, hostHere } from './collector-host.ts';
import type { Identity, Keep } from './decode.ts';
import { Received } from './received.ts';
import type { ReceivedRecord } from './received-record.ts';

/** How a test collector is set up; nothing of it is required. */
export interface TestCollectorOptions {
  /** Default: a free one, which no other test collector on this machine is given while this one is dead. */
  port?: number;
  /** What is kept of the records that are stored; default `'records'`, whole records. */
  keep?: Keep;
  /**
   * By what a record is known again, in `ids` and `duplicates`: everything that it holds (default), its body, or an
   * attribute.
   */
  identity?: Identity;
  /** What it is to begin with; default `'well'`. */
  condition?: Condition;
}

/**
 * Listens on 127.0.0.1 for OTLP over HTTP, protobuf and JSON, plain or gzip. Its decoder shares no code with
 * otel-spillway.
 */
export class TestCollector {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly #host: CollectorHost;
  readonly #received: Received;

  private constructor(host: CollectorHost, received: Received) {
    this.#host = host;
    this.#received = received;
    this.port = host.port;
  }

  /** Starts one in this process. */
  static start(options: TestCollectorOptions = {}): Promise<TestCollector> {
    return TestCollector.#startIn(hostHere, options);
  }

  /**
   * Starts one in a child process, which does not compete with the code under test for its event loop and can be
   * killed. What it has received is kept here.
   */
  static spawn(options: TestCollectorOptions = {}): Promise<TestCollector> {
    return TestCollector.#startIn(hostInChild, options);
  }

  static async #startIn(
    start: typeof hostHere,
    { condition, ...options }: TestCollectorOptions,
  ): Promise<TestCollector> {
    let host: CollectorHost | undefined;
    const received: Received = new Received(() => (host as CollectorHost).counts());
    host = await start(options, (report) => received.add(report));
    const collector = new TestCollector(host, received);
    if (condition !== undefined) await collector.become(condition);
    return collector;
  }

  /** Base address, as in `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Address of the logs, as in `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` and the `url` of an exporter. */
  get logsUrl(): string {
    return `${this.url}/v1/logs`;
  }

  /** Every record stored, in order of arrival; empty unless `keep` is `'records'`. */
  get records(): readonly ReceivedRecord[] {
    return this.#received.records;
  }

  /** How often each record was stored; empty with `keep: 'count'`. */
  get ids(): ReadonlyMap<string, number> {
    return this.#received.ids;
  }

  /** What it has seen since it was started, by numbers; a copy. */
  account(): Account {
    return this.#received.account();
  }

  /** Changes how it behaves, from the next request on; what it was before is forgotten. */
  become(condition: Condition): Promise<void> {
    return this.#host.become(condition);
  }

  /** Replies for the next requests, one after another, ahead of what it has become. */
  script(...replies: ScriptedReply[]): Promise<void> {
    return this.#host.script(replies);
  }

  /**
   * Resolves with the records when `count` different ones are stored; rejects after `timeoutMillis` (default 10,000)
   * with the account.
   */
  async received(count: number, timeoutMillis = 10_000): Promise<readonly ReceivedRecord[]> {
    const arrived = ({ different }: Account) => different >= count;
    await this.#received.until(arrived, timeoutMillis, `${count} different records did not arrive`);
    return this.records;
  }

  /** Resolves when the account satisfies `condition`; rejects after `timeoutMillis` (default 10,000) with the account. */
  until(condition: (account: Account) => boolean, timeoutMillis = 10_000): Promise<Account> {
    return this.#received.until(condition, timeoutMillis);
  }

  /** SIGKILL; resolves when the child is gone and all it had reported is counted. @throws if it is in this process. */
  async kill(): Promise<void> {
    if (this.#host.kill === undefined) throw new Error('Only a collector in a child process can be killed');
    await this.#host.kill();
  }

  /** Starts a new child on the same port, which is well. @throws if the collector is in this process. */
  async restart(): Promise<void> {
    if (this.#host.restart === undefined) throw new Error('Only a collector in a child process can restart');
    await this.#host.restart();
  }

  /**
   * Ends it, with every connection, when the senders of what it has stored have been told; records, ids and account can
   * still be read.
   */
  stop(): Promise<void> {
    return this.#host.stop();
  }

  /** `stop()`, at the end of the block in which it was declared with `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
