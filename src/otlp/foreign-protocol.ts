/** Recognises the protocol of a server that does not speak HTTP/1.1 by the first bytes of its answer. */

/** HTTP/2 without TLS is most likely OTLP/gRPC. */
export type ForeignProtocol = 'TLS' | 'HTTP/2';

/** Header of a TLS record: type `alert`, first byte of the version. */
const TLS_ALERT = [0x15, 0x03];
/** Frame type, after three bytes of length: every HTTP/2 server begins with a SETTINGS frame. */
const HTTP2_SETTINGS = 0x04;

/** @param bytes that Node's HTTP parser refused. */
export function protocolOf(bytes: unknown): ForeignProtocol | undefined {
  if (!(bytes instanceof Uint8Array)) return undefined;
  if (TLS_ALERT.every((byte, index) => bytes[index] === byte)) return 'TLS';
  return bytes[0] === 0 && bytes[3] === HTTP2_SETTINGS ? 'HTTP/2' : undefined;
}
