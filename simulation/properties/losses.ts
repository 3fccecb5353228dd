/** Why records were lost: each loss has a reason that holds, a count, and a word. */

import type { Life } from '../life.ts';
import type { DiskSpell } from '../plan.ts';
import type { RunSeen } from '../run.ts';
import { DROP_REASONS, type DropReason } from '../subject.ts';
import { isDiskGood } from './disk-troubles.ts';
import {
  callsOf,
  type Finding,
  isSpoolLarge,
  meaningOf,
  type Property,
  seconds,
  spellsOf,
} from './property.ts';

/** A word of a loss: "dropping log records: queue_full 3, shutdown 980". */
const LOSS_LINE = /^(?:dropping|dropped) (?:more )?log records: (.*)$/;
/** About what a record takes beside its body. */
const RECORD_BYTES = 100;

export const lossesAreTold: Property = {
  name: 'every loss is told and counted',
  judge: (seen) => seen.lives.flatMap((life) => untold(seen, life)),
};

function untold(seen: RunSeen, life: Life): Finding[] {
  const { end, plan } = life;
  if (end === undefined) return [];
  const told: Partial<Record<string, number>> = {};
  for (const { text } of life.lines) {
    for (const [, reason = '', records] of LOSS_LINE.exec(text)?.[1]?.matchAll(/(\w+) (\d+)/g) ?? []) {
      told[reason] = (told[reason] ?? 0) + Number(records);
    }
  }
  const isComplete = end.shutdownAt !== undefined;
  for (const reason of DROP_REASONS) {
    // What comes after the end is told in an episode of its own, which the process does not see the end of.
    if (reason === 'already_shutdown') continue;
    const lost = end.after.dropped[reason];
    const finding = (message: string) => [{ process: life.number, at: life.endedAt, message }];
    const said = told[reason] ?? 0;
    // What a diag logger logs while it is told the last word cannot be in that word.
    const untellable = reason === 'self' ? 1 : 0;
    if (isComplete && said + untellable < lost)
      return finding(`${lost} records were lost (${reason}), and diag told of ${said}`);
    if (said > lost) return finding(`diag told of ${said} losses (${reason}), and there were ${lost}`);
    // What callbacks log is not told to callbacks.
    if (reason === 'self') continue;
    const called = life.told[reason] ?? 0;
    if (isComplete && called !== lost)
      return finding(`${lost} records were lost (${reason}), and onDrop told of ${called}`);
  }
  const { last, lastDropped } = seen.steps.of(life);
  // What callbacks log is no reason for a word of its own.
  const lost = lastDropped - (last?.dropped.self ?? 0);
  if (lost > 0 && plan.end !== 'kill' && life.lines.every(({ text }) => !LOSS_LINE.test(text))) {
    return [{ process: life.number, at: life.endedAt, message: `${lost} records were lost without a word` }];
  }
  return [];
}

export const diskBeforeLoss: Property = {
  name: 'with a spool nothing is lost for want of room',
  judge: (seen) =>
    seen.plan.disk.some(isHiccup) ? [] : seen.lives.flatMap((life) => lostBesideDisk(seen, life)),
};

export const hiccupsCostNothing: Property = {
  name: 'a hiccup of the disk costs no record',
  judge: (seen) =>
    seen.plan.disk.some(isHiccup) ? seen.lives.flatMap((life) => lostBesideDisk(seen, life)) : [],
};

function isHiccup(spell: DiskSpell): boolean {
  return 'hiccupMillis' in spell;
}

function lostBesideDisk(seen: RunSeen, life: Life): Finding[] {
  // What others have left in the directory counts against its bound, and is not this process's to evict.
  if (!life.hasSpool || !isDiskGood(seen) || !isSpoolLarge(seen)) return [];
  const loss = seen.steps.of(life).losses.find(({ reason }) => reason === 'queue_full');
  if (loss === undefined) return [];
  const all = seen.steps.of(life).last?.dropped.queue_full;
  const message = `${all} records were dropped as queue_full beside a disk that works`;
  return [{ process: life.number, at: loss.at, message }];
}

export const fullMeansFull: Property = {
  name: 'nothing is dropped while there is room',
  judge: (seen) =>
    seen.lives.flatMap((life) => {
      const { maxQueueSize = 65_536, maxQueueBytes = 64 * 1024 * 1024 } = life.plan.options;
      const { maxRecordBytes = 256 * 1024 } = life.plan.options;
      for (const { at, reason, heldRecords, heldBytes } of seen.steps.of(life).losses) {
        if (reason !== 'queue_full' || life.plan.memory.length > 0) continue;
        // At the end all is given up in the same step.
        if (life.end !== undefined && at >= life.end.calledAt) continue;
        // A batch may have been delivered in the same step, after the loss.
        if (callsOf(seen, life).some(({ endedAt }) => endedAt !== undefined && Math.abs(endedAt - at) < 1))
          continue;
        if (heldRecords >= maxQueueSize || heldBytes >= maxQueueBytes - maxRecordBytes) continue;
        const message = `queue_full with ${heldRecords} of ${maxQueueSize} records and ${heldBytes} of ${maxQueueBytes} bytes`;
        return [{ process: life.number, at, message }];
      }
      return [];
    }),
};

/** Weather that refuses records for good. */
const REJECTS = new Set(['poison', 'partial-success', 'wrong-address', 'credentials-expired']);

export const sizeCostsNothing: Property = {
  name: 'a limit of size costs no record',
  judge: (seen) =>
    seen.lives.flatMap((life) => {
      const limits = spellsOf(seen).flatMap(({ weather }) =>
        weather.kind === 'size-limit' ? [weather.bytes] : [],
      );
      if (limits.length === 0 || spellsOf(seen).some(({ weather }) => REJECTS.has(weather.kind))) return [];
      const { bytes, hugeEvery, hugeBytes } = life.plan.work;
      const largest = Math.max(bytes, hugeEvery > 0 ? hugeBytes : 0) + RECORD_BYTES + 100;
      if (largest > Math.min(...limits)) return [];
      return lostBy(seen, life, ['rejected', 'record_too_large'], 'each of which is smaller than the limit');
    }),
};

export const onlyTheBadAreRejected: Property = {
  name: 'nothing is rejected that the server did not refuse for good',
  judge: (seen) =>
    seen.lives.flatMap((life) => {
      const spells = spellsOf(seen);
      if (spells.some(({ weather }) => REJECTS.has(weather.kind) || weather.kind === 'size-limit')) return [];
      return lostBy(seen, life, ['rejected', 'record_too_large'], 'that nobody had refused for good');
    }),
};

export const wrongPlacesCostNothing: Property = {
  name: 'a wrong address costs no record',
  judge: (seen) =>
    seen.lives.flatMap((life) => {
      const spells = spellsOf(seen);
      if (!spells.some(({ weather }) => weather.kind === 'wrong-address')) return [];
      if (spells.some(({ weather }) => ['poison', 'partial-success', 'size-limit'].includes(weather.kind)))
        return [];
      if (callsOf(seen, life).some((call) => meaningOf(call) === 'good' && !isPage(seen, call.at))) return [];
      return lostBy(seen, life, ['rejected', 'record_too_large'], 'before anything was ever accepted');
    }),
};

export const poisonCostsItself: Property = {
  name: 'bad records cost little beside themselves',
  judge: (seen) =>
    seen.lives.flatMap((life) => {
      const every = spellsOf(seen).flatMap(({ weather }) =>
        weather.kind === 'poison' ? [weather.every] : [],
      );
      if (
        every.length === 0 ||
        every.length < spellsOf(seen).filter(({ weather }) => REJECTS.has(weather.kind)).length
      )
        return [];
      const bad = Math.ceil(life.emittedAt.length / Math.min(...every)) + 1;
      const rejected = seen.steps.of(life).last?.dropped.rejected ?? 0;
      if (life.hasSpool || rejected <= bad) return [];
      return [
        {
          process: life.number,
          at: life.endedAt,
          message: `${rejected} records were rejected for ${bad} bad ones`,
        },
      ];
    }),
};

function isPage(seen: RunSeen, at: number): boolean {
  const weather = spellsOf(seen).findLast(({ from }) => from <= at)?.weather;
  return weather?.kind === 'wrong-address' && weather.how === 'html-200';
}

function lostBy(seen: RunSeen, life: Life, reasons: readonly DropReason[], why: string): Finding[] {
  const loss = seen.steps.of(life).losses.find(({ reason }) => reasons.includes(reason));
  if (loss === undefined) return [];
  const { dropped } = seen.steps.of(life).last ?? {};
  const counts = reasons
    .filter((reason) => dropped?.[reason])
    .map((reason) => `${reason} ${dropped?.[reason]}`);
  return [
    { process: life.number, at: loss.at, message: `records were dropped (${counts.join(', ')}) ${why}` },
  ];
}

export const rateLimitsCostNothing: Property = {
  name: 'a rate limit that leaves room costs no record',
  judge: (seen) => seen.lives.flatMap((life) => lostToRates(seen, life)),
};

/** How long a queue has to last before what overflows it is the sender's fault. */
const PATIENCE_MILLIS = 60_000;
/** What is sent with each request, at least: batches of the official exporters, as far as the queue allows. */
const BATCH_RECORDS = 512;

function lostToRates(seen: RunSeen, life: Life): Finding[] {
  const { work, options, stops } = life.plan;
  const rates: number[] = [];
  for (const { weather } of spellsOf(seen)) {
    if (weather.kind === 'rate-limit' && (weather.retryAfterSeconds ?? 0) <= 10)
      rates.push(weather.requestsPerMinute);
    else if (weather.kind !== 'healthy') return [];
  }
  if (rates.length === 0 || stops.length > 0 || life.plan.memory.length > 0) return [];
  const offeredPerMinute = (work.records * 60_000) / work.everyMillis;
  const batch = Math.min(BATCH_RECORDS, options.maxExportBatchSize ?? BATCH_RECORDS);
  const others = seen.lives.length;
  if (offeredPerMinute * others * 4 > Math.min(...rates) * batch) return [];
  const { maxQueueSize = 65_536, maxQueueBytes = 64 * 1024 * 1024 } = options;
  const room = Math.min(maxQueueSize, maxQueueBytes / (work.bytes + 500));
  if ((room * 60_000) / offeredPerMinute < PATIENCE_MILLIS || work.records * 4 > room) return [];
  const loss = seen.steps.of(life).losses.find(({ reason }) => reason === 'queue_full');
  if (loss === undefined) return [];
  const message = `${loss.records} and more were dropped as queue_full under a limit of ${Math.min(...rates)} requests a minute; ${Math.round(offeredPerMinute)} records a minute were offered, with room for ${seconds((room * 60_000) / offeredPerMinute)}`;
  return [{ process: life.number, at: loss.at, message }];
}

/** Reasons that only something else than the destination and the disk can give. */
export const reasonsHold: Property = {
  name: 'each loss has a reason that holds',
  judge: (seen) =>
    seen.lives.flatMap((life) => {
      const { last } = seen.steps.of(life);
      if (last === undefined) return [];
      const { options, exporter, memory } = life.plan;
      const { dropped } = last;
      const throws = exporter.kind === 'unknown' && (exporter.throwShare ?? 0) > 0;
      const wrong: string[] = [];
      const check = (reason: DropReason, most: number) => {
        if (dropped[reason] > most) wrong.push(`${reason} ${dropped[reason]}, at most ${most}`);
      };
      // A gap marker or two of the processor's own.
      check('already_shutdown', life.emittedLate + 1);
      check('self', life.emittedInCallbacks);
      if (!throws && !life.hasSpool) check('unserializable', life.hostile);
      if (options.shed === undefined || options.shed === false) check('shed', 0);
      if (memory.length === 0) check('memory_limit', 0);
      if (options.retry?.maxElapsedMillis === undefined) check('retry_exhausted', 0);
      if (
        isDiskGood(seen) &&
        seen.plan.slots.every((slot) => slot.every(({ stops }) => stops.length === 0))
      ) {
        check('spool_corrupt', 0);
      }
      return wrong.map((message) => ({ process: life.number, at: life.endedAt, message }));
    }),
};
