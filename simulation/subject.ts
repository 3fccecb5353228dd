/** What the simulation takes from the package: the only file that knows where it lies. */

export type { Cancel, Clock } from '../src/common/clock.ts';
export { DROP_REASONS, type DropReason } from '../src/common/errors.ts';
export type { AnyLogRecordExporter } from '../src/delivery/exporter-sender.ts';
export type { BreakerStateName } from '../src/delivery/recovery.ts';
export type { SpillwayOptions } from '../src/options/options.ts';
export { SpillwayOtlpLogExporter } from '../src/otlp/exporter.ts';
export type { OtlpResponse, OtlpTransport, PostOptions } from '../src/otlp/transport.ts';
export type { ProcessEvents } from '../src/process/exit-hooks.ts';
export { SpillwayLogRecordProcessor } from '../src/processor.ts';
export type { EmittedRecord } from '../src/queue/log-batch.ts';
export type { SpoolFiles } from '../src/spool/format/file-system.ts';
export {
  acksIn,
  FRAME_HEADER_BYTES,
  frameField,
  isFrameHeader,
  parseSegmentHeader,
} from '../src/spool/format/layout.ts';
export type { OpenFlags } from '../src/spool/format/open-file.ts';
export { nextComponentName } from '../src/telemetry/metrics.ts';
export type { SpillwayStats } from '../src/telemetry/stats.ts';
