/** Numbers and causes as people read them. */

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

export function seconds(millis: number): string {
  return millis < 9_950 ? `${(millis / 1_000).toFixed(1)} s` : `${Math.round(millis / 1_000)} s`;
}

/** The part of an error that says what is wrong; the address is the same for all. */
export function causeOf(error: string | undefined): string {
  if (error === undefined) return 'no answer';
  return /\bE[A-Z]{4,}\b/.exec(error)?.[0] ?? /\bHTTP \d{3}\b/.exec(error)?.[0] ?? error;
}
