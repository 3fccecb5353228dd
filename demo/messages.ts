/** What the demo's processes say to each other: the service in one, the show in the other. */

/** In the order of the columns. */
export const pipelineNames = ['stock', 'spillway', 'spillway-otlp'] as const;
export type PipelineName = (typeof pipelineNames)[number];
export type PerPipeline<T> = Record<PipelineName, T>;

export interface QueueDepth {
  records: number;
  /** Absent where the processor does not count them. */
  bytes?: number;
}

/** What a processor says about itself while it runs. */
export interface PipelineSample {
  queued: QueueDepth;
  lost: number;
  /** Absent where there is no breaker. */
  breaker?: string;
}

/** The two sides of the law of one processor, at one instant. */
export interface Balance {
  offered: number;
  recovered: number;
  exported: number;
  dropped: Record<string, number>;
  queued: number;
  inFlight: number;
  spooled: number;
}

/** The law as it was checked from start to end. */
export interface LawReport {
  samples: number;
  /** The first sample that did not balance. */
  violation?: Balance;
  final: Balance;
}

export interface Mark {
  /** Records logged so far; the next one carries this number as its `seq`. */
  offered: number;
  /** Deepest queues seen since the mark before. */
  peaks: PerPipeline<QueueDepth>;
  /** Estimated bytes of one record, from a processor that counts them. */
  recordBytes: number;
}

export type ToService = { type: 'mark' } | { type: 'finish' };

export type FromService =
  | { type: 'listening'; port: number }
  /** Something worth telling has happened inside a pipeline. */
  | { type: 'news'; text: string }
  | { type: 'sample'; offered: number; pipelines: PerPipeline<PipelineSample> }
  | ({ type: 'marked' } & Mark)
  | { type: 'finished'; offered: number; laws: Partial<PerPipeline<LawReport>> };

/** From the service to the demo; when the demo has just been interrupted there is nobody left to tell. */
export function tell(message: FromService): void {
  process.send?.(message, () => {});
}
