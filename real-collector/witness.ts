/** Counts what has arrived, behind the Collector that is killed. */

import { ID_ATTRIBUTE } from '../bench/support/records.ts';
import { epochMillis } from '../soak/witness.ts';
import { type LogsServer, serveLogs } from '../src/testing/server.ts';

export class Witness {
  /** When each record arrived first, in epoch milliseconds. */
  readonly first = new Map<string, number>();
  /** When each that arrived again had arrived first. */
  readonly again: number[] = [];
  /** When the first record arrived since `expect` was called. */
  firstSince: number | undefined;
  #server: LogsServer | undefined;

  static async start(): Promise<Witness> {
    const witness = new Witness();
    const add = ({ ids }: { readonly ids: readonly string[] }) => witness.#add(ids);
    witness.#server = await serveLogs({ keep: 'ids', identity: { attribute: ID_ATTRIBUTE } }, add);
    return witness;
  }

  get logsUrl(): string {
    return `http://127.0.0.1:${this.#server?.port}/v1/logs`;
  }

  /** Requests that were under way together. */
  get peakRequests(): number {
    return this.#server?.counts.peakConcurrentRequests ?? 0;
  }

  expect(): void {
    this.firstSince = undefined;
  }

  /** From the next request on; what a sender does not wait for has not arrived. */
  answerAfter(latencyMillis: number): void {
    void this.#server?.become({ latencyMillis });
  }

  async close(): Promise<void> {
    await this.#server?.become('dead');
  }

  #add(ids: readonly string[]): void {
    if (ids.length === 0) return;
    const now = epochMillis();
    this.firstSince ??= now;
    for (const id of ids) {
      const first = this.first.get(id);
      if (first !== undefined) this.again.push(first);
      // What the processor logs of its losses has no number.
      else if (id !== '') this.first.set(id, now);
    }
  }
}
