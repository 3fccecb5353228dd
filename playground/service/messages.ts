/** What the service's process and the playground say to each other. */
import type { BreakerView } from '../view.ts';

export type ToService = { type: 'log'; firstSeq: number; records: number };

/** What a processor says of itself at one instant. */
export interface Sample {
  /** In memory, requests under way included. */
  waiting: number;
  inFlight: number;
  /** Undefined where the processor does not count them. */
  waitingBytes: number | undefined;
  fill: number;
  onDisk: number;
  onDiskBytes: number;
  recovered: number;
  /** Records by reason. */
  dropped: Record<string, number>;
  failedExports: number;
  lastError: string | undefined;
  breaker: BreakerView | undefined;
}

export type FromService =
  | { type: 'up' }
  /** `dropped`: the numbers of those that the processor dropped while they were logged. */
  | { type: 'logged'; firstSeq: number; records: number; dropped: number[] }
  | { type: 'sample'; sample: Sample };

/** When the playground has just been interrupted there is nobody left to tell. */
export function tell(message: FromService): void {
  process.send?.(message, () => {});
}
