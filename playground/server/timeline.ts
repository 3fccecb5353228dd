/** The time line: who said what when. An entry can be said anew, in its place. */
import type { Entry, Teller, Tone } from '../view.ts';

const KEPT = 200;

export class Timeline {
  readonly entries: Entry[] = [];
  readonly #now: () => number;
  #lastId = 0;

  /** @param now seconds since the start. */
  constructor(now: () => number) {
    this.#now = now;
  }

  say(teller: Teller, tone: Tone, text: string): (text: string) => void {
    const entry: Entry = { id: ++this.#lastId, at: this.#now(), teller, tone, text };
    this.entries.push(entry);
    if (this.entries.length > KEPT) this.entries.shift();
    return (anew) => {
      entry.text = anew;
    };
  }
}
