/** The verdict on each side: what it has lost, what it is doing now, where all its records are. */
import { count, seconds } from '../server/words.ts';
import { type PerSide, type Places, perSide, type SideName, type SideView, type View } from '../view.ts';

const places: { key: keyof Places; label: string }[] = [
  { key: 'delivered', label: 'Delivered' },
  { key: 'waiting', label: 'Waiting' },
  { key: 'onDisk', label: 'On disk' },
  { key: 'lost', label: 'Lost' },
];

const STOCK_QUEUE = '2,048';

type Show = (side: SideView, view: View) => void;

export function bindCards(): (view: View) => void {
  const cards: PerSide<Show> = perSide(card);
  return (view) => {
    cards.stock(view.sides.stock, view);
    cards.spillway(view.sides.spillway, view);
  };
}

function card(name: SideName): Show {
  const root = document.getElementById(`verdict-${name}`) as HTMLElement;
  const part = (is: string) => root.querySelector(`[data-is="${is}"]`) as HTMLElement;
  const [process, headline, now] = [part('process'), part('headline'), part('now')];
  const numbers = places.map(({ key, label }) => {
    const entry = document.createElement('div');
    entry.className = key;
    const term = document.createElement('dt');
    term.textContent = label;
    const number = document.createElement('dd');
    entry.append(term, number);
    part('places').append(entry);
    return { key, entry, number };
  });
  const showQueue = gauge(part('gauges'), 'Queue');
  const showBreaker = gauge(part('gauges'), 'Breaker');
  /** Of the wait that is going on, in milliseconds. */
  let wholeWait = 0;

  return (side, view) => {
    const { lost } = side.places;
    setText(process, processText(side));
    setText(headline, lost > 0 ? `${count(lost)} lost` : 'Nothing lost');
    headline.className = `headline ${lost > 0 ? 'lost' : 'delivered'}`;
    setText(now, name === 'stock' ? stockNow(side) : spillwayNow(side, view));
    for (const { key, entry, number } of numbers) {
      setText(number, count(side.places[key]));
      entry.className = `${key}${side.places[key] === 0 ? ' none' : ''}`;
    }
    showQueue(
      side.fill,
      side.fill > 0.9 ? 'lost' : 'waiting',
      name === 'stock' ? stockDepth(side) : spillwayDepth(side),
    );
    const wait = side.breaker?.nextProbeMillis ?? 0;
    wholeWait = wait === 0 ? 0 : Math.max(wholeWait, wait);
    showBreaker(wholeWait === 0 ? 0 : wait / wholeWait, '', breakerText(side));
  };
}

/** A line with a name, a bar and words. @returns how to set it: from 0 to 1, in the colour of a place or in ink. */
function gauge(
  parent: HTMLElement,
  name: string,
): (share: number, colour: keyof Places | '', text: string) => void {
  const label = document.createElement('span');
  label.textContent = name;
  const track = document.createElement('span');
  track.className = 'gauge';
  const bar = document.createElement('i');
  track.append(bar);
  const words = document.createElement('span');
  parent.append(label, track, words);
  return (share, colour, text) => {
    bar.style.width = `${share === 0 ? 0 : Math.max(1, Math.min(share, 1) * 100)}%`;
    bar.className = colour;
    setText(words, text);
  };
}

function processText({ process }: SideView): string {
  const states = { starting: 'starts', up: 'is up', ending: 'is ending', gone: 'is gone' };
  return `process ${process.number} ${states[process.state]}`;
}

function shareOf(side: SideView): string {
  const { lost } = side.places;
  const logged = `${count(side.logged)} logged`;
  if (lost === 0) return `${logged}.`;
  const percent = (100 * lost) / side.logged;
  return `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} % of ${logged}.`;
}

function away({ process }: SideView): string | undefined {
  if (process.state === 'ending') return 'Asked to end, and not gone yet.';
  if (process.state === 'gone' || process.state === 'starting') return 'The next process starts.';
  return undefined;
}

function stockNow(side: SideView): string {
  const state =
    away(side) ??
    (side.fill >= 0.99
      ? 'The queue is full: whatever is logged now is dropped.'
      : 'No breaker, no disk; the exporter retries for some seconds.');
  return `${shareOf(side)} ${state}`;
}

function spillwayNow(side: SideView, view: View): string {
  return `${shareOf(side)} ${away(side) ?? spillwayDoes(side, view)}`;
}

function spillwayDoes(
  { breaker, lastError, atRest, places: { onDisk } }: SideView,
  { mood, rate }: View,
): string {
  if (breaker?.state !== 'closed') {
    const where = onDisk > 0 ? 'in memory and on disk' : 'in memory';
    return `What is logged waits ${where} until the collector is back.`;
  }
  if (breaker.failingMillis !== undefined) return 'Exports fail, and are tried again.';
  if (atRest && rate === 0) return 'Nothing waits any more.';
  if (mood !== 'well' && mood !== 'dead' && lastError !== undefined) return 'What is refused is sent again.';
  return onDisk > 0 ? 'What is on disk is sent, beside what is logged now.' : 'Everything flows.';
}

function breakerText({ breaker, process }: SideView): string {
  if (breaker === undefined) return process.state === 'up' ? 'none' : '';
  if (breaker?.state === 'half-open') return 'half-open: it asks';
  if (breaker?.state !== 'open') return 'closed';
  const { nextProbeMillis } = breaker;
  return nextProbeMillis === undefined ? 'open' : `open, asks again in ${seconds(nextProbeMillis)}`;
}

function stockDepth({ fill }: SideView): string {
  return `${count(Math.round(fill * 2_048))} of ${STOCK_QUEUE} records`;
}

function spillwayDepth({ bytes, fill }: SideView): string {
  return `${byteSize(bytes.waiting ?? 0)}, ${(fill * 100).toFixed(1)} % of its bound`;
}

export function byteSize(bytes: number): string {
  if (bytes >= 1_048_576) return `${(bytes / 1_048_576).toFixed(1)} MiB`;
  return bytes >= 1_024 ? `${Math.round(bytes / 1_024)} KiB` : `${Math.round(bytes)} B`;
}

export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
