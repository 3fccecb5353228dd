/** What the simulation takes from the package: the only file that knows where it lies. */

export type { Clock } from '../src/clock.ts';
export type { SpoolFiles } from '../src/spool/files/spool-files.ts';
