/** This package's processor, with its own exporter unless a claim brings one. */

import { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } from 'otel-spillway';
import type { MakeOptions } from '../subject.ts';

export const name = 'SpillwayLogRecordProcessor';

export function makeProcessor({ url, exporter, directory, ...times }: MakeOptions) {
  return new SpillwayLogRecordProcessor({
    exporter: exporter ?? new SpillwayOtlpLogExporter({ url }),
    ...(directory !== undefined && { spool: { directory, mode: 'always' } }),
    ...times,
  });
}
