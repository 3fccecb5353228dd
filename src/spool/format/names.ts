/** Names of files and directories in a spool. */

import type { Clock } from '../../common/clock.ts';

const ID_BYTES = 8;
const ID = '[0-9a-f]{16}';
const PARTITION = new RegExp(`^partition-${ID}$`);
const MOVING = new RegExp(`^\\.new-${ID}$`);
const SEGMENT = /^(\d{8,})\.seg$/;

export const LEASE_NAME = 'lease';
/** A lease that its owner has released. */
export const RELEASED_LEASE_NAME = 'lease.released';
/** A new lease before it replaces another. */
export const NEW_LEASE_NAME = 'lease.new';
export const QUARANTINE_NAME = 'quarantine';
export const DIRECTORY_MODE = 0o700;
export const FILE_MODE = 0o600;

/** Must be unique among all processes. */
export function newId(clock: Pick<Clock, 'uniqueBytes'>): string {
  return clock.uniqueBytes(ID_BYTES).toString('hex');
}

export function newSalt(clock: Pick<Clock, 'uniqueBytes'>): number {
  return clock.uniqueBytes(4).readUInt32LE();
}

export function partitionName(id: string): string {
  return `partition-${id}`;
}

/** Name of a partition during its creation or takeover. */
export function movingName(id: string): string {
  return `.new-${id}`;
}

export function isPartitionName(name: string): boolean {
  return PARTITION.test(name);
}

export function isMovingName(name: string): boolean {
  return MOVING.test(name);
}

export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(8, '0')}.seg`;
}

export function ackName(sequence: number): string {
  return `${String(sequence).padStart(8, '0')}.ack`;
}

/** @returns undefined if the name is not a segment's. */
export function sequenceOf(name: string): number | undefined {
  const digits = SEGMENT.exec(name)?.[1];
  if (digits === undefined) return undefined;
  const sequence = Number(digits);
  return sequence >= 1 && segmentName(sequence) === name ? sequence : undefined;
}
