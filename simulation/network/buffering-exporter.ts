/** An exporter that keeps what it is given until it is flushed or shut down. */

import type { AnyLogRecordExporter } from '../subject.ts';
import type { Collector, NetworkProcess } from './collector.ts';
import { HttpClient } from './http-client.ts';
import type { Callback, Records } from './official-exporter.ts';
import { contentOfRecords, type RequestContent } from './request-content.ts';

export interface BufferingPlan {
  /** When an export's result is told: immediately, as a success; or when its records were sent. Default: immediately. */
  readonly completes?: 'immediately' | 'when-sent';
  /** Sends by itself when it holds so many records. Default: never. */
  readonly flushAtRecords?: number;
  /** Milliseconds for a request. Default 10,000. */
  readonly timeoutMillis?: number;
}

interface Held {
  readonly content: RequestContent;
  readonly callback: Callback | undefined;
}

const DEFAULT_TIMEOUT_MILLIS = 10_000;
const SUCCESS = 0;
const FAILED = 1;

export class BufferingExporter implements AnyLogRecordExporter {
  readonly #collector: Collector;
  readonly #process: NetworkProcess;
  readonly #plan: BufferingPlan;
  readonly #client: HttpClient;
  #held: Held[] = [];
  #heldRecords = 0;

  constructor(collector: Collector, process: NetworkProcess, plan: BufferingPlan = {}) {
    this.#collector = collector;
    this.#process = process;
    this.#plan = plan;
    this.#client = new HttpClient(collector, process);
  }

  export(records: Records, callback: Callback): void {
    const content = contentOfRecords(records);
    const call = this.#collector.call(this.#process, 'buffering', content);
    const isOverNow = this.#plan.completes !== 'when-sent';
    if (isOverNow) {
      call.endedAt = call.at;
      call.result = 'buffered';
    }
    const told: Callback = (result) => {
      call.endedAt = this.#collector.clock.now();
      call.result = result.code === SUCCESS ? 'success' : 'failed';
      callback(result);
    };
    this.#held.push({ content, callback: isOverNow ? undefined : told });
    this.#heldRecords += records.length;
    if (this.#heldRecords >= (this.#plan.flushAtRecords ?? Number.POSITIVE_INFINITY)) {
      this.forceFlush().catch(() => {});
    }
    if (isOverNow) callback({ code: SUCCESS });
  }

  /** Rejects when the request fails; what was told of as a success is kept then, for the next flush. */
  async forceFlush(): Promise<void> {
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = [];
    this.#heldRecords = 0;
    try {
      await this.#send(joined(held.map(({ content }) => content)));
      for (const { callback } of held) callback?.({ code: SUCCESS });
    } catch (error) {
      const kept = held.filter(({ callback }) => callback === undefined);
      this.#held = [...kept, ...this.#held];
      this.#heldRecords = this.#held.reduce((sum, { content }) => sum + content.ids.length, 0);
      for (const { callback } of held) callback?.({ code: FAILED, error: error as Error });
      throw error;
    }
  }

  async shutdown(): Promise<void> {
    try {
      await this.forceFlush();
    } finally {
      this.#client.destroy();
    }
  }

  #send(content: RequestContent): Promise<void> {
    const { timeoutMillis = DEFAULT_TIMEOUT_MILLIS } = this.#plan;
    return new Promise((resolve, reject) => {
      const cancel = this.#process.clock.timer(
        () => {
          abandon();
          reject(new Error(`no answer within ${timeoutMillis} ms`));
        },
        timeoutMillis,
        true,
      );
      const abandon = this.#client.request(content, {
        answered: ({ status, statusText }, isWhole) => {
          if (!isWhole) return;
          cancel();
          if (status >= 200 && status <= 299) resolve();
          else reject(Object.assign(new Error(`HTTP ${status} ${statusText}`), { code: status }));
        },
        failed: (error) => {
          cancel();
          reject(error);
        },
      });
    });
  }
}

function joined(contents: readonly RequestContent[]): RequestContent {
  return {
    bytes: contents.reduce((sum, { bytes }) => sum + bytes, 0),
    ids: contents.flatMap(({ ids }) => ids),
  };
}
