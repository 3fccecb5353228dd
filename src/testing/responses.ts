/** The bodies of a collector's answers, in both encodings. */

export type Encoding = 'protobuf' | 'json';

export const contentTypes = { protobuf: 'application/x-protobuf', json: 'application/json' } as const;

/** The body of a 200: ExportLogsServiceResponse, empty but for a partial success. */
export function encodeResponse(
  encoding: Encoding,
  partial?: { rejected: number; message: string },
): Uint8Array {
  if (encoding === 'json') {
    const message = partial && {
      partialSuccess: { rejectedLogRecords: partial.rejected, errorMessage: partial.message },
    };
    return Buffer.from(JSON.stringify(message ?? {}));
  }
  if (partial === undefined) return new Uint8Array();
  // ExportLogsPartialSuccess { int64 rejected_log_records = 1; string error_message = 2 }
  return inside(1, Buffer.concat([integer(1, partial.rejected), inside(2, Buffer.from(partial.message))]));
}

/** The body of an error: google.rpc.Status { int32 code = 1; string message = 2 }. */
export function encodeStatus(encoding: Encoding, code: number, message: string): Uint8Array {
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code, message }));
  return Buffer.concat([integer(1, code), inside(2, Buffer.from(message))]);
}

/** What is the default is not sent. */
function integer(field: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.from([field << 3, ...varint(value)]);
}

function inside(field: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(content.length)]), content]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let left = BigInt.asUintN(64, BigInt(value)); ; left >>= 7n) {
    const byte = Number(left & 0x7fn);
    if (left < 0x80n) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}
