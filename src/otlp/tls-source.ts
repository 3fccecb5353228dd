/** What the connections of the exporter are secured with, and where that comes from. */

import type { SecureContext } from 'node:tls';

/** Options of `tls.connect`. */
export interface OtlpTls {
  readonly secureContext?: SecureContext;
  readonly servername?: string;
}

export interface TlsSource {
  /** What the next connection is made with. */
  readonly current: OtlpTls;
  /** Looks whether `current` is to be another one. It does not reject. */
  refresh?(): Promise<void>;
}
