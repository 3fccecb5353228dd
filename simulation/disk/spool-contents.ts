/** What a spool's directory holds: read from the bytes on the disk, whoever has put them there. */

import { crc32 } from 'node:zlib';
import { acksIn, FRAME_HEADER_BYTES, frameField, isFrameHeader, parseSegmentHeader } from '../subject.ts';

const SEGMENT = /\.seg$/;
const QUARANTINE = '/quarantine/';
const FRAME_MAGIC = 'SPFR';

/** @param files of the disk, by their paths. @returns how many records whoever comes next would find to be sent. */
export function recordsOnDisk(files: ReadonlyMap<string, Buffer>): number {
  let records = 0;
  for (const [path, segment] of files) {
    if (!SEGMENT.test(path) || path.includes(QUARANTINE)) continue;
    records += recordsIn(segment, files.get(path.replace(SEGMENT, '.ack')));
  }
  return records;
}

function recordsIn(file: Buffer, acks: Buffer | undefined): number {
  const header = parseSegmentHeader(file);
  const segment = header.kind === 'known' ? file.subarray(0, header.end) : file;
  let salt = header.kind === 'known' ? header.salt : undefined;
  let lastIndex = -1;
  let records = 0;
  for (let at = 0; at >= 0; at = segment.indexOf(FRAME_MAGIC, at)) {
    if (!isFrameHeader(segment, at, salt) || frameField.index(segment, at) <= lastIndex) {
      at++;
      continue;
    }
    salt = frameField.salt(segment, at);
    lastIndex = frameField.index(segment, at);
    const payloadAt = at + FRAME_HEADER_BYTES;
    const payload = segment.subarray(payloadAt, payloadAt + frameField.payloadBytes(segment, at));
    const isWhole = payload.length === frameField.payloadBytes(segment, at);
    if (isWhole && crc32(payload) === frameField.payloadCrc(segment, at)) {
      records += unsettled(frameField.records(segment, at), lastIndex, salt, acks);
      at = payloadAt + payload.length;
    } else at++;
  }
  return records;
}

function unsettled(records: number, index: number, salt: number, acks: Buffer | undefined): number {
  if (acks === undefined) return records;
  const isSettled = new Uint8Array(records);
  for (const ack of acksIn(acks, salt)) {
    if (ack.index === index) isSettled.fill(1, ack.first, ack.first + ack.records);
  }
  return isSettled.reduce((left, settled) => left - settled, records);
}
