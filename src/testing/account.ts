/** What a test collector says of all it has seen. */

/** Numbers since the start, over every child process that it had. */
export interface Account {
  /** Requests to `/v1/logs` whose headers have arrived. */
  requests: number;
  /** Records stored; one that arrives twice counts twice. */
  records: number;
  /** Different ones among them; as many as `records` with `keep: 'count'`. */
  different: number;
  /** Records that had been stored before. */
  duplicates: number;
  /** Records that could be read and were not stored, whatever their sender was told. */
  refused: number;
  /** Stored records whose answer has left in full: the sender may still have missed it, but nothing cut it off here. */
  acknowledged: number;
  /** Request bodies as they came over the wire. */
  bytes: number;
  /** Request bodies after decompression. */
  decodedBytes: number;
  /** Requests that could not be decoded, and were answered with 400. */
  malformed: number;
  /** Requests that are under way now. */
  concurrentRequests: number;
  /** The most that were under way together. */
  peakConcurrentRequests: number;
  /** Connections that were accepted. */
  connections: number;
  /** Requests by what they got: a status (`'200'`, `'503'`) or `'hang'`, `'reset'`, `'half-response'`, `'web-page'`. */
  answers: Record<string, number>;
  /** Requests by encoding, such as `'application/x-protobuf'` or `'application/json, gzip'`. */
  encodings: Record<string, number>;
}

/** What the server counts, which does not know what it has seen before. */
export type Counts = Omit<Account, 'different' | 'duplicates'>;

export function noCounts(): Counts {
  return {
    requests: 0,
    records: 0,
    refused: 0,
    acknowledged: 0,
    bytes: 0,
    decodedBytes: 0,
    malformed: 0,
    concurrentRequests: 0,
    peakConcurrentRequests: 0,
    connections: 0,
    answers: {},
    encodings: {},
  };
}

/** Of one process after the other. */
export function sumOf(all: readonly Counts[]): Counts {
  const sum = noCounts();
  for (const counts of all) {
    for (const [key, value] of Object.entries(counts) as [keyof Counts, number | object][]) {
      if (key === 'peakConcurrentRequests') sum[key] = Math.max(sum[key], counts[key]);
      else if (key === 'answers' || key === 'encodings') addAll(sum[key], counts[key]);
      else if (typeof value === 'number') sum[key] += value;
    }
  }
  return sum;
}

function addAll(sum: Record<string, number>, counts: Record<string, number>): void {
  for (const [key, count] of Object.entries(counts)) sum[key] = (sum[key] ?? 0) + count;
}
