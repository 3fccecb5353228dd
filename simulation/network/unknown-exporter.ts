/** An exporter that nothing is known of: one attempt for each export, and whatever manners its plan gives it. */

import type { AnyLogRecordExporter } from '../subject.ts';
import type { Collector, NetworkProcess } from './collector.ts';
import { HttpClient } from './http-client.ts';
import type { HttpAnswer } from './replies.ts';
import { contentOfRecords } from './request-content.ts';

export type EndManner = 'wait' | 'resolve' | 'reject' | 'throw' | 'hang';

export interface UnknownPlan {
  /** How long it waits for an answer. Default 10,000. */
  readonly timeoutMillis?: number;
  /** Of its answers, this share comes so much later. Default: none. */
  readonly late?: { readonly share: number; readonly millis: number };
  /** Of its exports, this share throws instead of sending. Default 0. */
  readonly throwShare?: number;
  /** Of its answers, this share is given twice. Default 0. */
  readonly twiceShare?: number;
  /** What its errors carry: a status or network code, as OTLP exporters have it; only words; nothing at all. Default: codes. */
  readonly errors?: 'codes' | 'words' | 'none';
  /** Default: waits for what is under way. */
  readonly forceFlush?: EndManner;
  readonly shutdown?: EndManner;
}

type Callback = Parameters<AnyLogRecordExporter['export']>[1];

const DEFAULT_TIMEOUT_MILLIS = 10_000;
const SUCCESS = 0;
const FAILED = 1;

export class UnknownExporter implements AnyLogRecordExporter {
  readonly #collector: Collector;
  readonly #process: NetworkProcess;
  readonly #client: HttpClient;
  readonly #plan: UnknownPlan;
  readonly #pending = new Set<Promise<void>>();

  constructor(collector: Collector, process: NetworkProcess, plan: UnknownPlan = {}) {
    this.#collector = collector;
    this.#process = process;
    this.#plan = plan;
    this.#client = new HttpClient(collector, process);
  }

  export(records: Parameters<AnyLogRecordExporter['export']>[0], callback: Callback): void {
    const content = contentOfRecords(records);
    const call = this.#collector.call(this.#process, 'unknown', content);
    if (this.#happens(this.#plan.throwShare)) {
      call.result = 'thrown';
      call.endedAt = call.at;
      throw new Error('the exporter cannot serialise this');
    }
    const sent = new Promise<void>((resolve) => {
      const settle = (result: string, error?: unknown) => {
        call.result = result;
        call.endedAt = this.#collector.clock.now();
        resolve();
        const answer = () => callback(error === undefined ? { code: SUCCESS } : this.#failed(error));
        answer();
        if (this.#happens(this.#plan.twiceShare)) answer();
      };
      this.#send(content, (result, error) => {
        const { late } = this.#plan;
        if (late === undefined || !this.#happens(late.share)) return settle(result, error);
        this.#process.clock.timer(() => settle(result, error), late.millis, true);
      });
    });
    this.#pending.add(sent);
    void sent.finally(() => this.#pending.delete(sent));
  }

  forceFlush(): Promise<void> {
    return this.#end(this.#plan.forceFlush);
  }

  async shutdown(): Promise<void> {
    await this.#end(this.#plan.shutdown);
    this.#client.destroy();
  }

  #send(content: ReturnType<typeof contentOfRecords>, done: (result: string, error?: unknown) => void): void {
    const { timeoutMillis = DEFAULT_TIMEOUT_MILLIS } = this.#plan;
    const cancel = this.#process.clock.timer(
      () => {
        abandon();
        done('timeout', new Error(`no answer within ${timeoutMillis} ms`));
      },
      timeoutMillis,
      true,
    );
    const abandon = this.#client.request(content, {
      answered: (answer, isWhole) => {
        if (!isWhole) return;
        cancel();
        done(String(answer.status), errorOf(answer));
      },
      failed: (error) => {
        cancel();
        done(error.code ?? 'failed', error);
      },
    });
  }

  #failed(error: unknown): Parameters<Callback>[0] {
    const { errors = 'codes' } = this.#plan;
    if (errors === 'none') return { code: FAILED };
    if (errors === 'words') return { code: FAILED, error: new Error(`export failed: ${String(error)}`) };
    return { code: FAILED, error: error as Error };
  }

  #end(manner: EndManner = 'wait'): Promise<void> {
    switch (manner) {
      case 'wait':
        return Promise.all(this.#pending).then(() => {});
      case 'resolve':
        return Promise.resolve();
      case 'reject':
        return Promise.reject(new Error('the exporter will not'));
      case 'throw':
        throw new Error('the exporter cannot');
      case 'hang':
        return new Promise(() => {});
    }
  }

  #happens(share = 0): boolean {
    return share > 0 && this.#collector.clock.random() < share;
  }
}

function errorOf({ status, statusText }: HttpAnswer): Error | undefined {
  if (status >= 200 && status <= 299) return undefined;
  return Object.assign(new Error(`HTTP ${status} ${statusText}`), { code: status });
}
