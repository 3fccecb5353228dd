/** The identity of a simulated record, `p<process>-<n>` at the beginning of its body, packed into one number. */

/** Of a record that the workload did not make: the processor's own report of a loss, for one. */
export const NO_ID = -1;

/** Ids of one process are below this, so that an id and its process share the 53 bits of a number. */
const IDS_OF_A_PROCESS = 2 ** 32;
/** `p1048575-4294967295`, and the space after it. */
const MAX_ID_LENGTH = 20;

const P = 0x70;
const DASH = 0x2d;
const SPACE = 0x20;
const ZERO = 0x30;

export function packId(process: number, n: number): number {
  return process * IDS_OF_A_PROCESS + n;
}

export function processOf(id: number): number {
  return Math.floor(id / IDS_OF_A_PROCESS);
}

export function numberOf(id: number): number {
  return id % IDS_OF_A_PROCESS;
}

export function idText(id: number): string {
  return `p${processOf(id)}-${numberOf(id)}`;
}

const scratch = Buffer.alloc(MAX_ID_LENGTH);

/** @returns `NO_ID` for a body that does not begin with an id and then either ends or goes on with a space. */
export function idOf(body: unknown): number {
  if (typeof body !== 'string') return NO_ID;
  return idIn(scratch, 0, scratch.write(body.slice(0, MAX_ID_LENGTH), 'latin1'));
}

/** The same for a body in UTF-8, of which no string is made: requests have thousands. */
export function idIn(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 4 || bytes[start] !== P) return NO_ID;
  let at = start + 1;
  let process = 0;
  for (; at < end && bytes[at] !== DASH; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return NO_ID;
    process = process * 10 + digit;
  }
  const first = ++at;
  let n = 0;
  for (; at < end && bytes[at] !== SPACE; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return NO_ID;
    n = n * 10 + digit;
  }
  return at <= first ? NO_ID : packId(process, n);
}
