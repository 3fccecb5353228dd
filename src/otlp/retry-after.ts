/** Reads the header Retry-After: a number of seconds, or a date in one of the three forms HTTP has had. */

/** A wait beyond a day is not taken at its word. */
const MAX_RETRY_AFTER_MILLIS = 86_400_000;

const SECONDS = /^\d+$/;
/** `Sun, 06 Nov 1994 08:49:37 GMT` and `Sunday, 06-Nov-94 08:49:37 GMT`. */
const DATE = /^[a-z]{3,9}, \d{2}[ -][a-z]{3}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/i;
/** `Sun Nov  6 08:49:37 1994`, which is in GMT without saying so. */
const ASCTIME_DATE = /^[a-z]{3} [a-z]{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/i;

/**
 * @param epochMillis the time of the answer.
 * @returns milliseconds to wait, 0 for a date that has passed; undefined when it is neither a number nor a date.
 */
export function retryAfterMillis(value: string | undefined, epochMillis: number): number | undefined {
  const text = value?.trim() ?? '';
  const millis = SECONDS.test(text) ? Number(text) * 1_000 : dateMillis(text) - epochMillis;
  return Number.isNaN(millis) ? undefined : Math.min(Math.max(millis, 0), MAX_RETRY_AFTER_MILLIS);
}

function dateMillis(text: string): number {
  if (DATE.test(text)) return Date.parse(text);
  // Anything else Date.parse would guess at.
  return ASCTIME_DATE.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
}
