/** Which records arrived, when, and how often: the witness of a run. */

import { idOf, NO_ID, numberOf, processOf } from './record-ids.ts';

const NEVER: readonly number[] = [];

export class Arrivals {
  /** By process and number: the time of the first arrival. */
  readonly #first: number[][] = [];
  /** By packed id, for the few that arrived more than once: every arrival. */
  readonly #again = new Map<number, number[]>();
  /** Arrivals in all, repeated ones included. */
  records = 0;
  /** Arrivals of what the workload did not make. */
  others = 0;

  add(ids: readonly number[], count: number, at: number): void {
    this.records += count;
    for (let index = 0; index < count; index++) {
      const id = ids[index] as number;
      if (id === NO_ID) {
        this.others++;
        continue;
      }
      const n = numberOf(id);
      const process = processOf(id);
      this.#first[process] ??= [];
      const ofProcess = this.#first[process];
      const first = ofProcess[n];
      if (first === undefined) ofProcess[n] = at;
      else {
        const all = this.#again.get(id);
        if (all === undefined) this.#again.set(id, [first, at]);
        else all.push(at);
      }
    }
  }

  /** Every arrival of a record, in order of time. */
  of(id: number): readonly number[] {
    const first = this.#first[processOf(id)]?.[numberOf(id)];
    if (first === undefined) return NEVER;
    return this.#again.get(id) ?? [first];
  }

  ofText(id: string): readonly number[] {
    return this.of(idOf(id));
  }

  /** The time of the first arrival; undefined where there was none. */
  firstOf(id: number): number | undefined {
    return this.#first[processOf(id)]?.[numberOf(id)];
  }

  /** Records that arrived more than once, with every arrival. */
  get repeated(): ReadonlyMap<number, readonly number[]> {
    return this.#again;
  }
}
