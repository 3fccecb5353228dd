/** Reports losses to readers of the log store: after an episode of loss, one record in-band, the marker. */

import type { Cancel, Clock } from '../common/clock.ts';
import { DROP_REASONS, type DropReason } from '../common/errors.ts';
import { VERSION } from '../common/package.ts';
import { noSeverities, SEVERITY_RANGES, type SeverityCounts } from '../common/severity-counts.ts';
import type { EmittedRecord } from '../queue/log-batch.ts';

/** An episode ends after this time without a loss. */
export const EPISODE_END_MILLIS = 10_000;
/** A longer episode is reported when its oldest unreported loss is this old. */
export const LONG_EPISODE_MILLIS = 60_000;

const WARN = 13;
const SCOPE: EmittedRecord['instrumentationScope'] = { name: 'otel-spillway', version: VERSION };

/** Not gaps: `self` is our own logging; `already_shutdown` was asked for. */
function isGap(reason: DropReason): boolean {
  return reason !== 'self' && reason !== 'already_shutdown';
}

/**
 * Admits a marker once a record was delivered after the last loss; earlier it would only take room in a full queue.
 *
 * A marker can be lost, too. One loss since a marker may be that marker, so a single loss waits for the next report: n
 * losses lead to at most n markers.
 */
export class GapMarker {
  /** That of the last record offered, for the marker; there is no marker without it. */
  resource: EmittedRecord['resource'] | undefined;
  readonly #admit: (record: EmittedRecord) => void;
  readonly #clock: Clock;
  #losses = new Losses();
  #isDeliverable = false;
  /** Losses since the last marker that may be that marker: 0 or 1. */
  #possibleMarkers = 0;
  #cancelTimer: Cancel | undefined;
  #isClosed = false;

  /** @param admit puts a record into the queue like any other. It may call `lost` before it returns. */
  constructor(admit: (record: EmittedRecord) => void, clock: Clock) {
    this.#admit = admit;
    this.#clock = clock;
  }

  /** Called for each record, so it only stores. Never throws, whatever the record is. */
  offered(record: EmittedRecord): void {
    try {
      this.resource = record.resource;
    } catch {
      // The resource of a later record will do.
    }
  }

  /** Called for each lost record under overload, so it allocates nothing. `severities` is undefined if unknown. */
  lost(reason: DropReason, records: number, severities?: SeverityCounts, now = this.#clock.now()): void {
    if (!isGap(reason) || records <= 0) return;
    this.#losses.add(reason, records, now);
    if (severities !== undefined) this.#losses.addSeverities(severities);
    this.#changed();
  }

  delivered(): void {
    this.#isDeliverable = true;
    if (this.#losses.records > 0 && this.#isDue(this.#clock.now())) this.#mark();
  }

  /** Admits a marker even if it is unlikely to arrive: for the last flush. */
  flush(): void {
    if (!this.#isClosed) this.#mark();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #changed(): void {
    this.#isDeliverable = false;
    if (this.#cancelTimer === undefined && !this.#isClosed) this.#check(EPISODE_END_MILLIS);
  }

  /** One timer while losses come in. An undeliverable report needs none: a delivery or another loss triggers it. */
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
    // First, as admitting the marker may lose a record.
    this.#losses = new Losses();
    this.#possibleMarkers = 1;
    this.#admit(markerOf(losses, resource, this.#clock));
  }
}

class Losses {
  records = 0;
  /** On the monotonic clock, as the wall clock may be set. */
  firstAt = Number.NEGATIVE_INFINITY;
  lastAt = Number.NEGATIVE_INFINITY;
  readonly byReason = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<
    DropReason,
    number
  >;
  /** Of the losses whose severity is known. */
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
  // Every field of a ReadableLogRecord: the queue reads no others.
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
