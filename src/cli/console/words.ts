/** Formats numbers, times and foreign texts for people. */

import { SEVERITY_RANGES, type SeverityCounts } from '../../common/severity-counts.ts';

const SECOND_MILLIS = 1_000;
const MINUTE_MILLIS = 60 * SECOND_MILLIS;
const HOUR_MILLIS = 60 * MINUTE_MILLIS;
const DAY_MILLIS = 24 * HOUR_MILLIS;
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
const MAX_DATE_MILLIS = 8_640_000_000_000_000;

/** `12,345 records`, `1 record`. */
export function counted(
  count: number,
  one: string,
  many = one.endsWith('ch') ? `${one}es` : `${one}s`,
): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}

export function bytesText(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 1024 && unit < BYTE_UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** In the two largest units, such as `3 h 12 min`; below 10 s in tenths of a second. */
export function durationText(millis: number): string {
  const whole = Math.max(0, millis);
  const days = Math.floor(whole / DAY_MILLIS);
  const hours = Math.floor((whole % DAY_MILLIS) / HOUR_MILLIS);
  const minutes = Math.floor((whole % HOUR_MILLIS) / MINUTE_MILLIS);
  const seconds = Math.floor((whole % MINUTE_MILLIS) / SECOND_MILLIS);
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return `${minutes} min ${seconds} s`;
  return whole < 10 * SECOND_MILLIS ? `${Number((whole / SECOND_MILLIS).toFixed(1))} s` : `${seconds} s`;
}

/** ISO 8601. Bounded, because a time on disk can be any number. */
export function isoTime(unixMillis: number): string {
  return new Date(Math.min(unixMillis, MAX_DATE_MILLIS)).toISOString();
}

/** Ranges with records, most severe first. */
export function severitiesText(severities: SeverityCounts): string {
  return SEVERITY_RANGES.map((name, range) => ({ name, records: severities[range] ?? 0 }))
    .filter(({ records }) => records > 0)
    .reverse()
    .map(({ name, records }) => `${name} ${records.toLocaleString('en-US')}`)
    .join(', ');
}
