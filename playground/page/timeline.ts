/** The time line: the newest entry on top; one that is said anew changes in its place. */
import type { Entry, Teller } from '../view.ts';
import { setText } from './cards.ts';

const tellers: Record<Teller, string> = { you: 'You', stock: 'Stock', spillway: 'otel-spillway' };

export function clockText(at: number): string {
  const whole = Math.max(0, Math.floor(at));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

export function bindTimeline(): (entries: Entry[]) => void {
  const list = document.getElementById('timeline') as HTMLElement;
  const shown = new Map<number, { item: HTMLElement; text: HTMLElement }>();

  return (entries) => {
    const ids = new Set(entries.map(({ id }) => id));
    for (const [id, { item }] of shown) {
      if (ids.has(id)) continue;
      item.remove();
      shown.delete(id);
    }
    for (const entry of entries) {
      const known = shown.get(entry.id);
      if (known === undefined) shown.set(entry.id, add(list, entry));
      else setText(known.text, entry.text);
    }
  };
}

function add(list: HTMLElement, { at, teller, tone, text }: Entry): { item: HTMLElement; text: HTMLElement } {
  const item = document.createElement('li');
  item.className = teller === 'you' ? 'you' : tone;
  const who = document.createElement('div');
  who.className = 'who';
  const name = document.createElement('b');
  name.textContent = tellers[teller];
  const time = document.createElement('time');
  time.textContent = clockText(at);
  who.append(name, time);
  const words = document.createElement('div');
  words.className = 'text';
  words.textContent = text;
  item.append(who, words);
  list.prepend(item);
  return { item, text: words };
}
