/** What the simulation takes from the package: the only file that knows where it lies. */

export type { Cancel, Clock } from '../src/clock.ts';
export type { BreakerStateName } from '../src/delivery/breaker.ts';
export type { AnyLogRecordExporter } from '../src/delivery/exporter-sender.ts';
export { DROP_REASONS, type DropReason } from '../src/errors.ts';
export type { ProcessEvents } from '../src/exit-flush.ts';
export { nextComponentName } from '../src/metrics.ts';
export type { SpillwayOptions } from '../src/options.ts';
export { SpillwayOtlpLogExporter } from '../src/otlp/otlp-exporter.ts';
export type { OtlpResponse, OtlpTransport } from '../src/otlp/transport.ts';
export { SpillwayLogRecordProcessor } from '../src/processor.ts';
export type { EmittedRecord } from '../src/queue/log-batch.ts';
export type { SpoolFiles } from '../src/spool/files/spool-files.ts';
export type { SpillwayStats } from '../src/stats.ts';
