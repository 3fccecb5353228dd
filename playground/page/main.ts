/** The page: takes what the server says several times a second, and shows it. */
import type { Command, View } from '../view.ts';
import { bindCards } from './cards.ts';
import { type Charts, makeCharts } from './charts.ts';
import { bindControls } from './controls.ts';
import { onThemeChange } from './theme.ts';
import { bindTimeline, clockText } from './timeline.ts';

const connection = document.getElementById('connection') as HTMLElement;
const clock = document.getElementById('clock') as HTMLElement;

let latest: View | undefined;
const charts: Charts = makeCharts();
const showCards = bindCards();
const showTimeline = bindTimeline();
const controls = bindControls(send, (unit) => {
  charts.setUnit(unit);
  if (latest !== undefined) charts.show(latest);
});

function send(command: Command): void {
  fetch('/do', { method: 'POST', body: JSON.stringify(command) }).catch(() => {});
}

function show(view: View): void {
  // Another start: numbers of entries begin anew.
  if (latest !== undefined && view.now < latest.now) showTimeline([]);
  latest = view;
  clock.textContent = clockText(view.now);
  controls.show(view);
  showCards(view);
  showTimeline(view.entries);
  if (!document.hidden) charts.show(view);
}

onThemeChange(() => {
  if (latest !== undefined) charts.show(latest);
});

const events = new EventSource('/events');
events.onmessage = ({ data }) => {
  connection.textContent = '';
  show(JSON.parse(data) as View);
};
events.onerror = () => {
  connection.textContent = 'The playground does not answer.';
};
