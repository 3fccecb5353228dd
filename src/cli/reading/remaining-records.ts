/** Extracts the unsettled records of a stored request. */

import type { EncodedBatch } from '../../otlp/encoding/encoded-batch.ts';
import { EncodedBatchCodec } from '../../otlp/encoding/encoded-batch-codec.ts';
import { EnvelopeEncoder } from '../../otlp/encoding/envelope-encoder.ts';
import type { RecordRange } from '../../spool/format/entry.ts';

/** @param ranges records to keep; none for all. @throws RangeError if the payload is not an OTLP request. */
export function remainingRecordsOf(payload: Uint8Array, ranges: readonly RecordRange[]): EncodedBatch {
  const all = new EncodedBatchCodec(new EnvelopeEncoder(), Number.POSITIVE_INFINITY).decode(payload);
  let wanted: EncodedBatch | undefined;
  let at = 0;
  for (const [first, records] of ranges) {
    if (first > at) all.split(first - at);
    const part = all.split(records);
    if (wanted === undefined) wanted = part;
    else wanted.append(part);
    at = first + records;
  }
  return wanted ?? all;
}
