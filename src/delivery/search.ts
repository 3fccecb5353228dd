/** The search for the bad records of a refused batch: half by half, depth first, at a bounded price. */

import type { DeliveryHistory, Search } from '../queue/delivery-history.ts';
import type { LogBatch } from '../queue/log-batch.ts';

/** So many refusals in a row are met, and a part that is refused after them is given up as a whole … */
const REFUSALS = 9;
/** … and so many more for each halving that would lead to a single record: where more is at stake, more may be spent. */
const REFUSALS_PER_HALVING = 2;
/** The share that a search in which nothing was accepted leaves to the next one. */
const FRUITLESS_SHARE = 0.25;

/** How many refusals in a row a search may have met when a part of so many records is halved once more. */
export function refusalsWorth(records: number): number {
  return REFUSALS + REFUSALS_PER_HALVING * Math.ceil(Math.log2(records));
}

export function mayHalve(search: Search | undefined, records: number): boolean {
  return search === undefined || search.refusals < Math.min(search.maxRefusals, refusalsWorth(records));
}

/** All searches, each of which is one account that the parts of its batch share. */
export class Searches {
  /** Where everything is found malformed, spending as much on each batch helps nobody. */
  #maxRefusals = Number.POSITIVE_INFINITY;

  /**
   * A batch is refused, and halved.
   * @param isSaid whether the destination said that it is the batch: else its parts may be accepted for other reasons.
   * @returns its history from then on.
   */
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

  /** A batch, or a part of one, is refused and given up. */
  gaveUp(search: Search | undefined): void {
    if (search === undefined) return;
    search.refusals++;
    search.suspect = undefined;
    if (search.wasFruitful) return;
    this.#maxRefusals = Math.min(this.#maxRefusals, Math.floor(search.maxRefusals * FRUITLESS_SHARE));
  }

  /**
   * A batch, or a part of one, was accepted: asking pays, and may go on.
   * @returns the size of what was refused as a whole, if all of it has been accepted in parts: no record is at fault.
   */
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
