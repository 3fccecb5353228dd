/** What the server tells the page: everything it shows, as one plain object, several times a second. */

export const sideNames = ['stock', 'spillway'] as const;
export type SideName = (typeof sideNames)[number];
export type PerSide<T> = Record<SideName, T>;

export function perSide<T>(value: (name: SideName) => T): PerSide<T> {
  return { stock: value('stock'), spillway: value('spillway') };
}

/** How the collector answers. */
export const moods = ['well', 'slow', 'flaky', 'failing', 'limited', 'small', 'dead'] as const;
export type Mood = (typeof moods)[number];

/** Records a second that the service logs. */
export const rates = [0, 100, 1_000, 5_000] as const;

export const spoolModes = ['off', 'overflow', 'always'] as const;
export type SpoolMode = (typeof spoolModes)[number];

/** Charts look back this far. */
export const WINDOW_SECONDS = 120;
/** Time between two points of what is held. */
export const POINT_SECONDS = 0.5;

export type Command =
  | { do: 'mood'; mood: Mood }
  | { do: 'outage' }
  | { do: 'rate'; rate: number }
  | { do: 'burst' }
  | { do: 'deploy' }
  | { do: 'kill' }
  | { do: 'spool'; mode: SpoolMode }
  | { do: 'afresh' };

/** Where records are, counted so that each is in one place. */
export interface Places {
  delivered: number;
  waiting: number;
  onDisk: number;
  lost: number;
}

export type ProcessState = 'starting' | 'up' | 'ending' | 'gone';

export interface BreakerView {
  state: 'closed' | 'open' | 'half-open';
  nextProbeMillis?: number;
  failingMillis?: number;
}

export interface SideView {
  process: { state: ProcessState; pid: number | undefined; number: number };
  logged: number;
  places: Places;
  /** Arrivals of records that had arrived before. */
  twice: number;
  /** Share of the queue's bound that is taken, 0 to 1. */
  fill: number;
  /** Of what waits in memory, and of the files on disk; undefined where the processor does not count them. */
  bytes: { waiting: number | undefined; onDisk: number };
  breaker: BreakerView | undefined;
  lastError: string | undefined;
  /** Nothing waits: `places.lost` is then what was logged less what the collector has. */
  atRest: boolean;
  /** Where the records are now that were logged in each second of the window, of which `first` is the first. */
  fates: { first: number; waiting: number[]; onDisk: number[]; lost: number[]; delivered: number[] };
  /** One entry for each second that has ended. Latencies are `null` where nothing arrived. */
  seconds: { delivered: number[]; lost: number[]; median: (number | null)[]; slowest: (number | null)[] };
  /** One entry for each half second of the window. */
  points: { waiting: number[]; onDisk: number[]; bytes: number[]; bytesOnDisk: number[]; breaker: number[] };
}

export type Teller = 'you' | SideName;
/** What an entry is about, for its colour. */
export type Tone = 'plain' | 'delivered' | 'waiting' | 'onDisk' | 'lost';

export interface Entry {
  id: number;
  /** Seconds since the start. */
  at: number;
  teller: Teller;
  tone: Tone;
  text: string;
}

export interface View {
  /** Seconds since the start. */
  now: number;
  /** What the first entries of `seconds` and of `points` and `moods` belong to, in seconds since the start. */
  firstSecond: number;
  firstPoint: number;
  mood: Mood;
  rate: number;
  spool: SpoolMode;
  /** A deploy or a restart is under way, and no load is put on the service. */
  isPaused: boolean;
  /** Of the collector, one for each of `points`: index into `moods`. */
  moods: number[];
  sides: PerSide<SideView>;
  entries: Entry[];
}
