/** The colours of the page, for what is drawn on a canvas. */

const names = [
  'delivered',
  'waiting',
  'onDisk',
  'lost',
  'ink',
  'muted',
  'line',
  'strong-line',
  'band',
  'card',
] as const;

export type Colours = Record<(typeof names)[number], string>;

/** Custom properties hold what was written; what a colour came to, an element has to be asked. */
function read(): Colours {
  const probe = document.body.appendChild(document.createElement('i'));
  const colours = {} as Colours;
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return colours;
}

export let colours = read();

/** Calls `redraw` when the system goes from light to dark or back. */
export function onThemeChange(redraw: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    colours = read();
    redraw();
  });
}
