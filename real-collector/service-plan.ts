/** What the service under test is told, and what it tells. */

import type { SpillwayStats } from 'otel-spillway';

/** What stands between the application and the Collector. */
export const LANES = ['own', 'protobuf', 'json', 'grpc', 'stock', 'stock grpc'] as const;
export type Lane = (typeof LANES)[number];

export const LANE_NAMES: Readonly<Record<Lane, string>> = {
  own: 'own exporter',
  protobuf: 'official, http/protobuf',
  json: 'official, http/json',
  grpc: 'official, grpc',
  stock: 'stock processor, http/protobuf',
  'stock grpc': 'stock processor, grpc',
};

export interface ServicePlan {
  readonly lane: Lane;
  readonly url: string;
  /** In its default mode, where there is one. */
  readonly spoolDirectory?: string;
  readonly recordsPerSecond: number;
  /** Of the processor; default: its own. */
  readonly maxQueueBytes?: number;
  /** The number of its first record, by which those of several services can be told apart. Default 0. */
  readonly firstRecord?: number;
  /** Beside what this process has of its own, less what configures telemetry or Node. */
  readonly environment?: Readonly<Record<string, string>>;
  /** A bearer token that may change. Of the own exporter. */
  readonly tokenFile?: string;
}

/** Once every record is delivered, dropped or out of patience, the service shuts down and ends. */
export type ToService = 'finish';

export type FromService =
  | { readonly type: 'started' }
  /** An export has failed, as the processor knows it. Epoch milliseconds. */
  | { readonly type: 'failed'; readonly atMillis: number }
  /** What the processor has said, with the level of `diag`. */
  | { readonly type: 'said'; readonly atMillis: number; readonly text: string }
  | {
      readonly type: 'ended';
      /** Records that were given to the logger. */
      readonly emitted: number;
      /** None of the stock processor. */
      readonly stats?: SpillwayStats;
      /** The fullest that the queue was seen, 0 to 1. */
      readonly peakPressure: number;
      /** Milliseconds from the last record to the end of the shutdown. */
      readonly endingMillis: number;
    };
