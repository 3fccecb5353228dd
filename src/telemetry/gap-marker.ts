/** Tells whoever reads the log store of records that never got there: after an episode of loss, one record in-band. */

import type { Cancel, Clock } from '../common/clock.ts';
import { DROP_REASONS, type DropReason } from '../common/errors.ts';
import { noSeverities, SEVERITY_RANGES, type SeverityCounts } from '../common/severity-counts.ts';
import { VERSION } from '../common/version.ts';
import type { EmittedRecord } from '../queue/log-batch.ts';

/** An episode is over when so much time passes without a loss. */
export const EPISODE_END_MILLIS = 10_000;
/** An episode that goes on is reported when the first loss not reported yet is so old. */
export const LONG_EPISODE_MILLIS = 60_000;

const WARN = 13;
const SCOPE: EmittedRecord['instrumentationScope'] = { name: 'otel-spillway', version: VERSION };

/** Not gaps: `self` is our own logging; `already_shutdown` was asked for. */
function isGap(reason: DropReason): boolean {
  return reason !== 'self' && reason !== 'already_shutdown';
}

/**
 * Adds up what is lost, and admits a record that says so, the marker, when it is likely to arrive:
 * when something was delivered after the last loss. Before that it would only take room in a queue that is full.
 *
 * A marker can be lost like any other record. At most one loss since a marker can be that marker itself, so one
 * alone is not reported but kept for the next report: n losses lead to n markers at most, whatever becomes of those.
 */
export class GapMarker {
  /** That of the last record admitted, which is where the marker comes from; without one there is no marker yet. */
  resource: EmittedRecord['resource'] | undefined;
  readonly #admit: (record: EmittedRecord) => void;
  readonly #clock: Clock;
  #losses = new Losses();
  #isDeliverable = false;
  /** 1 once there was a marker: so many of the losses since may be markers. */
  #possibleMarkers = 0;
  #cancelTimer: Cancel | undefined;
  #isClosed = false;

  /** @param admit puts a record into the queue like any other. It may call `lost` before it returns. */
  constructor(admit: (record: EmittedRecord) => void, clock: Clock) {
    this.#admit = admit;
    this.#clock = clock;
  }

  /** A record was offered. Called for each of them: a store, and nothing else. Never throws, whatever the record is. */
  offered(record: EmittedRecord): void {
    try {
      this.resource = record.resource;
    } catch {
      // The next one will have one that can be read.
    }
  }

  /**
   * Records were lost. Called for each of them under overload: a few additions, and nothing allocated.
   * @param severities how many of each range; undefined when that is not known.
   * @param now the monotonic clock's, for callers that have read it already.
   */
  lost(reason: DropReason, records: number, severities?: SeverityCounts, now = this.#clock.now()): void {
    if (!isGap(reason) || records <= 0) return;
    this.#losses.add(reason, records, now);
    if (severities !== undefined) this.#losses.addSeverities(severities);
    this.#changed();
  }

  /** Records got through. */
  delivered(): void {
    this.#isDeliverable = true;
    // Most of the time nothing is lost, and nothing is to be done here.
    if (this.#losses.records > 0 && this.#isDue(this.#clock.now())) this.#mark();
  }

  /** Says what there is to say now, likely to arrive or not: before the last flush. */
  flush(): void {
    if (!this.#isClosed) this.#mark();
  }

  /** From now on nothing is said any more. */
  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #changed(): void {
    this.#isDeliverable = false;
    if (this.#cancelTimer === undefined && !this.#isClosed) this.#check(EPISODE_END_MILLIS);
  }

  /**
   * One timer while losses come in, set anew when it has fired too early. It is not set again for a report that is
   * due and cannot be made: what changes that is a delivery, or a further loss.
   */
  #check(inMillis: number): void {
    this.#cancelTimer = this.#clock.timer(() => {
      this.#cancelTimer = undefined;
      const now = this.#clock.now();
      if (!this.#isDue(now)) this.#check(this.#losses.dueAt - now);
      else if (this.#isDeliverable) this.#mark();
    }, inMillis);
  }

  #isDue(now: number): boolean {
    return now >= this.#losses.dueAt && !this.#isClosed;
  }

  #mark(): void {
    const { resource } = this;
    const losses = this.#losses;
    if (losses.records <= this.#possibleMarkers || resource === undefined) return;
    // First of all: admitting the marker may lose a record, this one or another.
    this.#losses = new Losses();
    this.#possibleMarkers = 1;
    this.#admit(markerOf(losses, resource, this.#clock));
  }
}

/** What was lost since the last marker. */
class Losses {
  records = 0;
  /** On the monotonic clock, as the wall clock may be set meanwhile. */
  firstAt = Number.NEGATIVE_INFINITY;
  lastAt = Number.NEGATIVE_INFINITY;
  readonly byReason = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<
    DropReason,
    number
  >;
  /** Of those whose severity is known. */
  readonly severities = noSeverities();

  /** When the marker is due unless there is another loss. */
  get dueAt(): number {
    return Math.min(this.lastAt + EPISODE_END_MILLIS, this.firstAt + LONG_EPISODE_MILLIS);
  }

  add(reason: DropReason, records: number, now: number): void {
    if (this.records === 0) this.firstAt = now;
    this.lastAt = now;
    this.records += records;
    this.byReason[reason] += records;
  }

  addSeverities(counts: SeverityCounts): void {
    for (let range = 0; range < this.severities.length; range++) {
      (this.severities[range] as number) += counts[range] ?? 0;
    }
  }
}

function markerOf(losses: Losses, resource: EmittedRecord['resource'], clock: Clock): EmittedRecord {
  const wallNow = Math.floor(clock.wallNow());
  const now = clock.now();
  const wallTimeOf = (at: number) => wallNow - Math.round(now - at);
  const lastMillis = wallTimeOf(losses.lastAt);
  const first = new Date(wallTimeOf(losses.firstAt)).toISOString();
  const last = new Date(lastMillis).toISOString();
  const reasons = Object.entries(losses.byReason).filter(([, records]) => records > 0);
  const known = losses.severities.reduce((sum, records) => sum + records, 0);
  const severities = [
    ...SEVERITY_RANGES.map((range, index) => [range, losses.severities[index] as number] as const),
    ['UNKNOWN', losses.records - known] as const,
  ].filter(([, records]) => records > 0);
  const what = losses.records === 1 ? '1 log record was lost' : `${losses.records} log records were lost`;
  const when = first === last ? `at ${first}` : `between ${first} and ${last}`;
  const why = reasons.map(([reason, records]) => `${reason} ${records}`).join(', ');
  // Every field of a ReadableLogRecord, which is all that the queue reads.
  const marker = {
    hrTime: hrTimeOf(lastMillis),
    hrTimeObserved: hrTimeOf(wallNow),
    spanContext: undefined,
    severityNumber: WARN,
    severityText: 'WARN',
    eventName: 'spillway.gap',
    body: `${what} ${when}: ${why}.`,
    attributes: {
      'spillway.gap.records': losses.records,
      'spillway.gap.first_time': first,
      'spillway.gap.last_time': last,
      ...Object.fromEntries(reasons.map(([reason, records]) => [`spillway.gap.reason.${reason}`, records])),
      ...Object.fromEntries(
        severities.map(([range, records]) => [`spillway.gap.severity.${range}`, records]),
      ),
    },
    droppedAttributesCount: 0,
    resource,
    instrumentationScope: SCOPE,
  };
  return marker as unknown as EmittedRecord;
}

function hrTimeOf(epochMillis: number): [number, number] {
  return [Math.floor(epochMillis / 1000), (epochMillis % 1000) * 1_000_000];
}
