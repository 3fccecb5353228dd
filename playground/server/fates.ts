/** What is known of every single record of one side, by its number: whether it was logged, dropped, has arrived. */
import type { Places } from '../view.ts';

const LOGGED = 1;
const ARRIVED = 2;
/** The processor said so while the record was logged. */
const DROPPED = 4;

/** Counts of what is neither delivered nor lost. */
export type HeldCounts = Pick<Places, 'waiting' | 'onDisk'>;

export class Fates {
  #marks = new Uint8Array(65_536);
  #end = 0;
  logged = 0;
  delivered = 0;
  twice = 0;

  log(firstSeq: number, records: number): void {
    for (let seq = firstSeq; seq < firstSeq + records; seq++) this.#mark(seq, LOGGED);
  }

  drop(seqs: readonly number[]): void {
    for (const seq of seqs) this.#mark(seq, DROPPED);
  }

  arrive(seqs: readonly number[]): void {
    for (const seq of seqs) {
      if ((this.#marks[seq] ?? 0) & ARRIVED) this.twice++;
      // A process that is killed has no time to say what it logged last.
      else this.#mark(seq, LOGGED | ARRIVED);
    }
  }

  /**
   * Where the records are that were logged in each of some spans, which begin at `starts` and end where the next one
   * does. What is held is the youngest of what has not arrived: in memory the youngest of all, on disk what is older.
   */
  places(starts: readonly number[], held: HeldCounts): Places[] {
    let { waiting, onDisk } = held;
    const places: Places[] = [];
    let end = this.#end;
    for (let span = starts.length - 1; span >= 0; span--) {
      const start = starts[span] as number;
      const counts: Places = { delivered: 0, waiting: 0, onDisk: 0, lost: 0 };
      for (let seq = end - 1; seq >= start; seq--) {
        const marks = this.#marks[seq] as number;
        if ((marks & LOGGED) === 0) continue;
        if (marks & ARRIVED) counts.delivered++;
        else if (marks & DROPPED) counts.lost++;
        else if (waiting > 0) {
          waiting--;
          counts.waiting++;
        } else if (onDisk > 0) {
          onDisk--;
          counts.onDisk++;
        } else counts.lost++;
      }
      places[span] = counts;
      end = Math.min(end, start);
    }
    return places;
  }

  #mark(seq: number, marks: number): void {
    if (seq >= this.#marks.length) {
      const longer = new Uint8Array(2 ** Math.ceil(Math.log2(seq + 1)));
      longer.set(this.#marks);
      this.#marks = longer;
    }
    const before = this.#marks[seq] as number;
    const after = before | marks;
    this.#marks[seq] = after;
    this.#end = Math.max(this.#end, seq + 1);
    if (after & LOGGED && !(before & LOGGED)) this.logged++;
    if (after & ARRIVED && !(before & ARRIVED)) this.delivered++;
  }
}
