/** Reads from an OTLP request what the playground needs of each log record: its number and its time. */

export interface Arrivals {
  /** The attribute `seq` of each record that has one. */
  seqs: number[];
  /** When it was logged, in milliseconds since the epoch. */
  times: number[];
}

/** Field numbers of opentelemetry/proto/logs/v1/logs.proto, from the outermost message in. */
const RESOURCE_LOGS = 1;
const SCOPE_LOGS = 2;
const LOG_RECORDS = 2;
const RECORD = { time: 1, attributes: 6 };
const ATTRIBUTE = { key: 1, value: 2 };
const VALUE = { int: 3, double: 4 };

interface Field {
  number: number;
  /** Where the value begins and ends; of a varint it is read already. */
  start: number;
  end: number;
  varint: number;
}

export function arrivalsOf(body: Buffer): Arrivals {
  const arrivals: Arrivals = { seqs: [], times: [] };
  for (const resource of fieldsOf(body, 0, body.length, RESOURCE_LOGS)) {
    for (const scope of fieldsOf(body, resource.start, resource.end, SCOPE_LOGS)) {
      for (const record of fieldsOf(body, scope.start, scope.end, LOG_RECORDS)) {
        readRecord(body, record, arrivals);
      }
    }
  }
  return arrivals;
}

function readRecord(body: Buffer, record: Field, { seqs, times }: Arrivals): void {
  let time = 0;
  let seq: number | undefined;
  for (const field of fieldsOf(body, record.start, record.end)) {
    if (field.number === RECORD.time) time = Number(body.readBigUInt64LE(field.start) / 1_000_000n);
    else if (field.number === RECORD.attributes) seq ??= seqOf(body, field);
  }
  // A record without a number is none of the service's: the marker of a gap for one.
  if (seq === undefined) return;
  seqs.push(seq);
  times.push(time);
}

function seqOf(body: Buffer, attribute: Field): number | undefined {
  let isSeq = false;
  for (const field of fieldsOf(body, attribute.start, attribute.end)) {
    if (field.number === ATTRIBUTE.key) isSeq = body.toString('latin1', field.start, field.end) === 'seq';
    else if (field.number === ATTRIBUTE.value && isSeq) {
      for (const value of fieldsOf(body, field.start, field.end)) {
        if (value.number === VALUE.int) return value.varint;
        if (value.number === VALUE.double) return body.readDoubleLE(value.start);
      }
    }
  }
  return undefined;
}

/** The fields of one message, or those with one number. Throws where the bytes are no message. */
function* fieldsOf(body: Buffer, from: number, to: number, only?: number): Generator<Field> {
  let at = from;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = body[at++];
      if (byte === undefined) throw new Error('the request ends too soon');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < to) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const field: Field = { number, start: at, end: at, varint: 0 };
    const type = tag % 8;
    if (type === 0) field.varint = varint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else if (type === 2) {
      const length = varint();
      field.start = at;
      at += length;
    } else throw new Error(`a field of the type ${type}`);
    field.end = at;
    if (at > to) throw new Error('a field ends beyond its message');
    if (only === undefined || number === only) yield field;
  }
}
