/** This package's processor in front of the official exporter, as with those who keep theirs. */

import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import type { MakeOptions } from '../subject.ts';
import { makeProcessor as makeSpillway } from './spillway.ts';

export const name = 'SpillwayLogRecordProcessor, official exporter';

export function makeProcessor({ exporter, ...options }: MakeOptions) {
  return makeSpillway({ exporter: exporter ?? new OTLPLogExporter({ url: options.url }), ...options });
}
