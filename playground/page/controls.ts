/** The controls: groups of radio buttons and buttons, which send commands and show what the server says. */

import { count } from '../server/words.ts';
import type { Command, Mood, SpoolMode, View } from '../view.ts';

interface Choice<T> {
  value: T;
  label: string;
  hint?: string;
  isIll?: boolean;
}

const moods: Choice<Mood>[] = [
  { value: 'well', label: 'Well', hint: 'Answers immediately.' },
  { value: 'slow', label: 'Slow', hint: 'Each answer takes two seconds.', isIll: true },
  { value: 'flaky', label: 'Flaky', hint: 'Half of the requests get 503.', isIll: true },
  { value: 'failing', label: 'Sick', hint: 'Every request gets 503.', isIll: true },
  {
    value: 'limited',
    label: 'Limited',
    hint: 'Takes one request in two seconds; the others get 429 with Retry-After.',
    isIll: true,
  },
  { value: 'small', label: 'Small', hint: 'Requests above 32 KiB get 413.', isIll: true },
  { value: 'dead', label: 'Dead', hint: 'Nobody listens on its port: ECONNREFUSED.', isIll: true },
];

const spools: Choice<SpoolMode>[] = [
  { value: 'off', label: 'Off', hint: 'What waits is in memory only. A change is a deploy.' },
  {
    value: 'overflow',
    label: 'Overflow',
    hint: 'Memory first; to disk in need and at the end. A change is a deploy.',
  },
  { value: 'always', label: 'Always', hint: 'On disk before it is sent. A change is a deploy.' },
];

const rates: Choice<number>[] = [0, 100, 1_000, 5_000].map((rate) => ({ value: rate, label: count(rate) }));

/** What a press may lead to only while both processes are there. */
const needsProcesses = new Set(['burst', 'deploy', 'kill', 'afresh']);

export interface Controls {
  show(view: View): void;
}

export function bindControls(
  send: (command: Command) => void,
  onUnit: (unit: 'records' | 'bytes') => void,
): Controls {
  const mood = radios('mood', moods, (value) => send({ do: 'mood', mood: value }));
  const rate = radios('rate', rates, (value) => send({ do: 'rate', rate: value }));
  const spool = radios('spool', spools, (mode) => send({ do: 'spool', mode }));
  const units: Choice<'records' | 'bytes'>[] = [
    { value: 'records', label: 'Records' },
    { value: 'bytes', label: 'Bytes' },
  ];
  radios('unit', units, onUnit).show('records');

  const buttons = document.querySelectorAll<HTMLButtonElement>('button[data-do]');
  for (const button of buttons) {
    button.addEventListener('click', () => {
      if (button.getAttribute('aria-disabled') === 'true') return;
      send({ do: button.dataset.do } as Command);
    });
  }

  return {
    show: (view) => {
      mood.show(view.mood);
      rate.show(view.rate);
      spool.show(view.spool);
      spool.disable(view.isPaused);
      for (const button of buttons) {
        // It keeps the focus, unlike one that is disabled.
        const isDisabled = view.isPaused && needsProcesses.has(button.dataset.do ?? '');
        setAttribute(button, 'aria-disabled', String(isDisabled));
      }
    },
  };
}

function radios<T>(id: string, choices: Choice<T>[], onChoice: (value: T) => void) {
  const group = document.getElementById(id) as HTMLElement;
  const hint = document.getElementById(`${id}-hint`);
  /** What was chosen here, until the server has taken it up or some time has passed. */
  let chosen: { value: T; until: number } | undefined;
  const inputs = choices.map(({ value, label, isIll }) => {
    const input = document.createElement('input');
    input.type = 'radio';
    input.name = id;
    input.addEventListener('change', () => {
      chosen = { value, until: performance.now() + 1_000 };
      describe(value);
      onChoice(value);
    });
    const element = document.createElement('label');
    element.classList.toggle('ill', isIll === true);
    element.append(input, label);
    group.append(element);
    return input;
  });

  function describe(value: T): void {
    const text = choices.find((choice) => choice.value === value)?.hint;
    if (hint !== null && text !== undefined && hint.textContent !== text) hint.textContent = text;
  }

  return {
    show: (value: T) => {
      if (chosen !== undefined && chosen.value !== value && performance.now() < chosen.until) return;
      chosen = undefined;
      const input = inputs[choices.findIndex((choice) => choice.value === value)];
      if (input !== undefined && !input.checked) input.checked = true;
      describe(value);
    },
    disable: (isDisabled: boolean) => {
      for (const input of inputs) setAttribute(input, 'aria-disabled', String(isDisabled));
    },
  };
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
