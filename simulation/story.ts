/** A run told in lines: when, who, and what happened to the destination, the applications, the disk and the records. */

import type { Life } from './life.ts';
import type { CallSeen } from './network/collector.ts';
import type { DiskSpell, LifePlan, RunPlan } from './plan.ts';
import type { RunResult, RunSeen } from './run.ts';
import { BEGINNING } from './world.ts';

interface Line {
  readonly at: number;
  readonly who: string;
  readonly text: string;
}

/** More of the same than this is told as one line. */
const MAX_ALIKE = 3;

export function storyOf({ seen, violations }: RunResult): string {
  const lines: Line[] = [
    ...weatherOf(seen.plan),
    ...seen.lives.flatMap((life) => [...callsOf(seen, life), ...linesOf(seen, life)]),
    ...violations.map(({ at, process, property, message }) => ({
      at,
      who: process === undefined ? '!' : `!p${process}`,
      text: `NOT KEPT: ${property}. ${message}`,
    })),
  ];
  // The sort is stable: what happened to one at the same time stays in its order.
  return grouped(lines.toSorted((a, b) => a.at - b.at))
    .map(({ at, who, text }) => `${time(at).padStart(10)}  ${who.padEnd(9)}  ${text}`)
    .join('\n');
}

/** Minutes and seconds from the beginning. */
function time(at: number): string {
  const millis = Math.max(0, at - BEGINNING);
  const minutes = Math.floor(millis / 60_000);
  return `${minutes}:${((millis % 60_000) / 1_000).toFixed(3).padStart(6, '0')}`;
}

function weatherOf({ weather, disk, powerLossAtMillis, spool }: RunPlan): Line[] {
  const at = (millis: number) => BEGINNING + millis;
  return [
    ...(spool === undefined
      ? []
      : [{ at: BEGINNING, who: 'disk', text: `a spool for all: ${words(spool)}` }]),
    ...weather.map((spell) => ({
      at: at(spell.atMillis),
      who: 'collector',
      text: `is now ${words(spell.weather)}`,
    })),
    ...disk.map((spell) => ({
      at: at(spell.atMillis),
      who: 'disk',
      text: diskWords(spell),
    })),
    ...(powerLossAtMillis === undefined
      ? []
      : [{ at: at(powerLossAtMillis), who: 'disk', text: 'the machine loses power' }]),
  ];
}

function diskWords(spell: DiskSpell): string {
  if ('hiccupMillis' in spell) return `the next write takes ${spell.hiccupMillis} ms`;
  if ('hangMillis' in spell) return `hangs for ${spell.hangMillis} ms`;
  return `is now ${words(spell.weather)}`;
}

function linesOf(seen: RunSeen, life: Life): Line[] {
  const who = `p${life.number}`;
  const { plan, end, startedAt } = life;
  const lines: Line[] = [];
  const say = (at: number, text: string) => lines.push({ at, who, text });
  say(startedAt, `starts: ${planWords(plan)}`);
  for (const { atMillis, millis } of plan.stops) {
    if (startedAt + atMillis < life.endedAt) say(startedAt + atMillis, `is stopped for ${millis} ms`);
  }
  for (const { atMillis, byMillis } of plan.wallJumps) {
    if (startedAt + atMillis < life.endedAt)
      say(startedAt + atMillis, `its wall clock is set by ${byMillis} ms`);
  }
  for (const { at, level, text } of life.lines) say(at, `diag.${level}: ${text}`);
  for (const { at, reason, records } of seen.steps.of(life).losses) say(at, `loses ${records} (${reason})`);
  for (const { calledAt, endedAt, error, upTo } of life.flushes) {
    if (error === undefined) continue;
    say(endedAt ?? calledAt, `the flush of ${upTo} records, called at ${time(calledAt)}, failed: ${error}`);
  }
  if (end !== undefined) {
    const { queued, inFlight, spooled, breaker } = end.before;
    const held = `${queued.records} queued, ${inFlight.records} in flight, ${spooled.records} on disk alone`;
    say(end.calledAt, `its end begins (${plan.end}): ${held}, the breaker is ${breaker.state}`);
    if (end.shutdownAt !== undefined) say(end.shutdownAt, 'shutdown() has resolved');
    if (end.endedAt !== undefined) say(end.endedAt, `is gone: ${accounts(life, seen)}`);
  }
  return lines;
}

function callsOf(seen: RunSeen, life: Life): Line[] {
  const who = `p${life.number}`;
  return seen.collector.calls
    .filter(({ process }) => process === who)
    .flatMap((call) => [{ at: call.at, who, text: `sends ${call.records} records${answer(call)}` }]);
}

function answer({ at, endedAt, result }: CallSeen): string {
  return endedAt === undefined
    ? ', and hears nothing'
    : `: ${result || 'no answer'} after ${Math.round(endedAt - at)} ms`;
}

function accounts(life: Life, seen: RunSeen): string {
  const { last } = seen.steps.of(life);
  const emitted = `${life.emittedAt.length} emitted`;
  if (last === undefined) return emitted;
  const dropped = Object.entries(last.dropped)
    .filter(([, records]) => records > 0)
    .map(([reason, records]) => `${reason} ${records}`);
  const { offered, recovered, exported, queued, inFlight, spooled } = last;
  return [
    emitted,
    `${offered} offered`,
    `${recovered} recovered`,
    `${exported} exported`,
    `dropped: ${dropped.join(', ') || 'none'}`,
    `${queued.records + inFlight.records} held`,
    `${spooled.records} on disk`,
  ].join(', ');
}

function planWords({ exporter, options, work, lifeMillis, end }: LifePlan): string {
  const { records, everyMillis, bytes, ...habits } = work;
  const odd = Object.fromEntries(
    Object.entries(habits).filter(([, value]) => value !== 0 && value !== false),
  );
  return [
    `exporter ${words(exporter)}`,
    Object.keys(options).length === 0 ? 'default options' : `options ${words(options)}`,
    `logs ${records} records of ${bytes} bytes every ${everyMillis} ms`,
    ...(Object.keys(odd).length > 0 ? [words(odd)] : []),
    `for ${lifeMillis} ms, then ${end}`,
  ].join('; ');
}

function words(value: object): string {
  return JSON.stringify(value)
    .replaceAll(/[{}"]/g, '')
    .replaceAll(',', ', ')
    .replaceAll(':', ' ')
    .replace(/^kind /, '');
}

/** Runs of lines that differ in their numbers only are told by the first and the last of them. */
function grouped(lines: readonly Line[]): Line[] {
  const told: Line[] = [];
  for (let index = 0; index < lines.length; ) {
    const first = lines[index] as Line;
    const alike = likeness(first);
    let end = index + 1;
    while (end < lines.length && likeness(lines[end] as Line) === alike) end++;
    if (end - index <= MAX_ALIKE) told.push(...lines.slice(index, end));
    else {
      told.push(
        first,
        { ...first, text: `… and ${end - index - 2} more like this …` },
        lines[end - 1] as Line,
      );
    }
    index = end;
  }
  return told;
}

function likeness({ who, text }: Line): string {
  return `${who} ${text.replaceAll(/\d+/g, '#')}`;
}
