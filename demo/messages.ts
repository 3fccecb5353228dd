/** What the demo's processes say to each other: the service in one, the show in the other. */

/** In the order of the columns. */
export const pipelineNames = ['stock', 'spillway', 'spillway-otlp'] as const;
export type PipelineName = (typeof pipelineNames)[number];
export type PerPipeline<T> = Record<PipelineName, T>;

export function perPipeline<T>(value: (name: PipelineName) => T): PerPipeline<T> {
  return Object.fromEntries(pipelineNames.map((name) => [name, value(name)])) as PerPipeline<T>;
}

export interface QueueDepth {
  records: number;
  /** Absent where the processor does not count them. */
  bytes?: number;
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

/** What a processor says about itself while it runs. */
export interface PipelineSample {
  queued: QueueDepth;
  /** Absent where there is no spool. */
  onDiskBytes?: number;
  lost: number;
  /** Absent where there is no breaker. */
  breaker?: string;
  /** Absent where the processor keeps no such account. */
  balance?: Balance;
}

export interface Sample {
  /** Records logged so far; the next one carries this number as its `seq`. */
  offered: number;
  pipelines: PerPipeline<PipelineSample>;
}

export type ToService = { type: 'mark' } | { type: 'finish' };

export type FromService =
  | { type: 'listening'; port: number }
  /** Something worth telling has happened inside a pipeline. */
  | { type: 'news'; text: string }
  | ({ type: 'sample' } & Sample)
  /** As asked for: nothing older is on its way any more. */
  | { type: 'marked' }
  | { type: 'finished' };

/** From the service to the demo; when the demo has just been interrupted there is nobody left to tell. */
export function tell(message: FromService): void {
  process.send?.(message, () => {});
}
