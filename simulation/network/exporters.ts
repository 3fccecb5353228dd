/** Makes the exporter of a simulated process: the real one on a simulated transport, or a model of another. */

import { type AnyLogRecordExporter, SpillwayOtlpLogExporter } from '../subject.ts';
import { BufferingExporter, type BufferingPlan } from './buffering-exporter.ts';
import type { Collector, NetworkProcess } from './collector.ts';
import { type OfficialGrpcOptions, officialGrpcExporter } from './official-grpc.ts';
import { type OfficialHttpOptions, officialHttpExporter } from './official-http.ts';
import { type OwnTransportOptions, SimulatedTransport } from './own-transport.ts';
import { UnknownExporter, type UnknownPlan } from './unknown-exporter.ts';

export type ExporterPlan =
  | ({ readonly kind: 'own' } & OwnTransportOptions)
  | ({ readonly kind: 'unknown' } & UnknownPlan)
  | ({ readonly kind: 'official-http' } & OfficialHttpOptions)
  | ({ readonly kind: 'official-grpc' } & OfficialGrpcOptions)
  | ({ readonly kind: 'buffering' } & BufferingPlan);

export type ExporterKind = ExporterPlan['kind'];

export function makeExporter(
  planned: ExporterKind | ExporterPlan,
  collector: Collector,
  process: NetworkProcess,
): AnyLogRecordExporter {
  const plan: ExporterPlan = typeof planned === 'string' ? { kind: planned } : planned;
  switch (plan.kind) {
    case 'own': {
      const { kind: _, ...options } = plan;
      return new SpillwayOtlpLogExporter(options, new SimulatedTransport(collector, process, options));
    }
    case 'unknown':
      return new UnknownExporter(collector, process, plan);
    case 'official-http':
      return officialHttpExporter(collector, process, plan);
    case 'official-grpc':
      return officialGrpcExporter(collector, process, plan);
    case 'buffering':
      return new BufferingExporter(collector, process, plan);
  }
}
