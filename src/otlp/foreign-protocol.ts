/** Recognises by its first bytes what a server speaks that does not answer in HTTP/1.1. */

/** HTTP/2 without TLS is what OTLP/gRPC speaks. */
export type ForeignProtocol = 'TLS' | 'HTTP/2';

/** The type of a record of TLS that holds an alert, and the first byte of its version. */
const TLS_ALERT = [0x15, 0x03];
/** The type of the frame with which every HTTP/2 server begins, behind the three bytes of its length. */
const HTTP2_SETTINGS = 0x04;

/** @param bytes what Node's parser could make nothing of. */
export function protocolOf(bytes: unknown): ForeignProtocol | undefined {
  if (!(bytes instanceof Uint8Array)) return undefined;
  if (TLS_ALERT.every((byte, index) => bytes[index] === byte)) return 'TLS';
  return bytes[0] === 0 && bytes[3] === HTTP2_SETTINGS ? 'HTTP/2' : undefined;
}
