/** The TLS options of connections, and the interface of their source. */

import type { SecureContext } from 'node:tls';

/** Options of `tls.connect`. */
export interface OtlpTls {
  readonly secureContext?: SecureContext;
  readonly servername?: string;
}

export interface TlsSource {
  /** For the next connection; a new object whenever the certificates have changed. */
  readonly current: OtlpTls;
  /** Updates `current`. Never rejects. */
  refresh?(): Promise<void>;
}
