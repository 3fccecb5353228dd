/** Everything the simulation needs of `src`, in one place: whatever moves there is followed here alone. */

export type { Cancel, Clock } from '../src/clock.ts';
export type { AnyLogRecordExporter } from '../src/delivery/exporter-sender.ts';
export type { OtlpResponse, OtlpTransport } from '../src/otlp/http-transport.ts';
export { SpillwayOtlpLogExporter } from '../src/otlp/otlp-exporter.ts';
