/** What is still to happen in a world, ordered by time, and by the order of scheduling where the time is the same. */

export interface ScheduledEvent {
  readonly at: number;
  readonly order: number;
  /** Undefined when it was cancelled. */
  callback: (() => void) | undefined;
}

/** A binary heap. */
export class EventQueue {
  readonly #heap: ScheduledEvent[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  push(at: number, callback: () => void): ScheduledEvent {
    const event: ScheduledEvent = { at, order: this.#order++, callback };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent] as ScheduledEvent)) break;
      heap[index] = heap[parent] as ScheduledEvent;
      index = parent;
    }
    heap[index] = event;
    return event;
  }

  /** The next event that was not cancelled, without taking it. */
  peek(): ScheduledEvent | undefined {
    while (this.#heap.length > 0 && this.#heap[0]?.callback === undefined) this.#removeFirst();
    return this.#heap[0];
  }

  pop(): ScheduledEvent | undefined {
    const first = this.peek();
    if (first !== undefined) this.#removeFirst();
    return first;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as ScheduledEvent;
    const { length } = heap;
    if (length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1] as ScheduledEvent, heap[child] as ScheduledEvent)) {
        child++;
      }
      if (!isBefore(heap[child] as ScheduledEvent, last)) break;
      heap[index] = heap[child] as ScheduledEvent;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(one: ScheduledEvent, other: ScheduledEvent): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
