/** Bisects refused batches to find their bad records: depth first, at a bounded cost. */

import type { DeliveryHistory, Search } from '../queue/delivery-history.ts';
import type { LogBatch } from '../queue/log-batch.ts';

/** Consecutive refusals after which a refused part is given up as a whole … */
const REFUSALS = 9;
/** … plus this many for each halving down to a single record: more records justify more requests. */
const REFUSALS_PER_HALVING = 2;
/** Share of its budget that a search without any acceptance leaves to the next one. */
const FRUITLESS_SHARE = 0.25;

/** The budget of consecutive refusals for halving a part with this many records. */
export function refusalsWorth(records: number): number {
  return REFUSALS + REFUSALS_PER_HALVING * Math.ceil(Math.log2(records));
}

export function mayHalve(search: Search | undefined, records: number): boolean {
  return search === undefined || search.refusals < Math.min(search.maxRefusals, refusalsWorth(records));
}

/** Each search is one account, shared by the parts of its batch. */
export class Searches {
  /** Shrinks if everything is refused: spending the full budget on each batch would help nobody. */
  #maxRefusals = Number.POSITIVE_INFINITY;

  /** @param isSaid whether the destination blamed the batch: otherwise its parts may be accepted for other reasons. */
  halved(
    history: DeliveryHistory,
    { records, bytes }: Pick<LogBatch, 'records' | 'bytes'>,
    isSaid: boolean,
  ): DeliveryHistory {
    const search = history.search ?? {
      isUnderWay: false,
      maxRefusals: Math.min(this.#maxRefusals, refusalsWorth(records)),
      refusals: -1,
      wasFruitful: false,
      suspect: undefined,
    };
    search.refusals++;
    search.suspect = isSaid ? { records, bytes } : undefined;
    return { ...history, search };
  }

  /** A refused batch or part is given up. */
  gaveUp(search: Search | undefined): void {
    if (search === undefined) return;
    search.refusals++;
    search.suspect = undefined;
    if (search.wasFruitful) return;
    this.#maxRefusals = Math.min(this.#maxRefusals, Math.floor(search.maxRefusals * FRUITLESS_SHARE));
  }

  /** An acceptance renews the budget. @returns the size of a refused batch if all its parts were accepted by now. */
  accepted(search: Search | undefined, records: number): number | undefined {
    this.#maxRefusals = Number.POSITIVE_INFINITY;
    if (search === undefined) return undefined;
    search.refusals = 0;
    search.wasFruitful = true;
    const { suspect } = search;
    if (suspect === undefined) return undefined;
    suspect.records -= records;
    return suspect.records === 0 ? suspect.bytes : undefined;
  }
}
