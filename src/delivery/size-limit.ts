/** Learns how large a request the destination accepts. */

/** Factor for the next request after a refusal. */
const SHRINK = 0.5;
const GROWTH = 2;
/** Destinations change: a learnt limit expires after this time. */
const TRUSTED_MILLIS = 3_600_000;
/** A request larger than an accepted one by no more than this factor is not refused for its size. */
const ALIKE = 1.1;
/** Smaller requests do not help a destination that lacks room: about 512 typical records, the stock processor's batch. */
const LEAST_FOR_ROOM_BYTES = 128 * 1024;
/** Initial limit after an outage; it doubles with each success. */
const RAMP_START_BYTES = 64 * 1024;
/** Failures of larger requests, each after successes of smaller ones, that show a limit. */
const SUSPICIONS_THAT_CONVINCE = 3;
/** After one success any request may fail, whatever its size, where the limit is one of rate. */
const SUCCESSES_IN_BETWEEN = 2;
/** After such a failure, requests start at this share of what was accepted, so that these sizes must succeed once more. */
const RESTART = 0.25;
const LEAST_RESTART_BYTES = 1024;
/** A limit that was only inferred expires earlier: one failure confirms it. */
const INFERRED_MILLIS = 300_000;

/**
 * Three limits: one from refusals for size, which expires; one after a lack of room or an outage, which grows again; and
 * one inferred from failures.
 */
export class SizeLimit {
  #taught = Number.POSITIVE_INFINITY;
  #taughtAt = 0;
  #ramp = Number.POSITIVE_INFINITY;
  #lastAccepted = 0;
  /** Sizes of refused parts, without those that were accepted since. */
  #refusedParts: number[] = [];
  readonly #inferred = new InferredLimit();

  /** Infinity while no limit is known. */
  maxBytes(now: number): number {
    if (now - this.#taughtAt > TRUSTED_MILLIS) this.#taught = Number.POSITIVE_INFINITY;
    return Math.min(this.#taught, this.#ramp, this.#inferred.maxBytes(now));
  }

  /** Refused for its size or that of one record. No limit is learnt if requests of this size are accepted. */
  refused(bytes: number, now: number): void {
    if (bytes <= this.#lastAccepted * ALIKE) return;
    // Halves differ in size: the tolerance lets both fit.
    this.#taught = Math.min(this.#taught, Math.ceil(bytes * SHRINK * ALIKE));
    this.#taughtAt = now;
  }

  /** One bad record causes one refused part of each size, which shows no limit; a second refused part of a size shows one. */
  refusedPart(bytes: number, now: number): void {
    const isSecond = this.#refusedParts.some((part) => bytes <= part * ALIKE && part <= bytes * ALIKE);
    if (isSecond) this.refused(bytes, now);
    else this.#refusedParts.push(bytes);
  }

  /** Refused for lack of room. If requests of this size were just accepted, size is not the reason. */
  lackedRoom(bytes: number): void {
    if (bytes <= this.#lastAccepted * ALIKE) return;
    this.#ramp = Math.min(this.#ramp, Math.max(LEAST_FOR_ROOM_BYTES, Math.ceil(bytes * SHRINK)));
  }

  /** Failed, which neither size nor a lack of room explains, and was not worth an immediate retry. */
  failed(bytes: number, now: number): void {
    this.#inferred.failed(bytes, now);
  }

  /** Spreads the backlog of an outage, which must not arrive in the first moment. */
  recovered(): void {
    // The destination may have come back with another configuration.
    this.#taught = Number.POSITIVE_INFINITY;
    this.#refusedParts = [];
    this.#ramp = RAMP_START_BYTES;
    this.#inferred.recovered();
  }

  taken(bytes: number): void {
    this.#lastAccepted = bytes;
    this.#refusedParts = this.#refusedParts.filter((part) => part > bytes * ALIKE);
    this.#ramp *= GROWTH;
    this.#inferred.taken(bytes);
  }
}

/**
 * A limit behind failures that may have any reason: a proxy that cannot buffer a large body answers with 500. The evidence
 * is that requests larger than the accepted ones fail, again and again. An outage, even a partial one, or a rate limit
 * contradicts it soon: a request fails that is no larger, or one as large is accepted.
 */
class InferredLimit {
  /** Since a failure last contradicted it. */
  #largestAccepted = 0;
  #smallestSuspect = Number.POSITIVE_INFINITY;
  #suspicions = 0;
  #suspectedAt = 0;
  #successesSinceFailure = 0;
  /** Doubles with each success. */
  #ramp = Number.POSITIVE_INFINITY;

  maxBytes(now: number): number {
    const isKnown =
      this.#suspicions >= SUSPICIONS_THAT_CONVINCE && now - this.#suspectedAt <= INFERRED_MILLIS;
    return isKnown ? Math.min(this.#ramp, this.#largestAccepted) : this.#ramp;
  }

  failed(bytes: number, now: number): void {
    const successes = this.#successesSinceFailure;
    this.#successesSinceFailure = 0;
    if (bytes <= this.#largestAccepted * ALIKE) {
      this.#contradicted();
    } else if (successes >= SUCCESSES_IN_BETWEEN) {
      this.#suspicions = Math.min(this.#suspicions + 1, SUSPICIONS_THAT_CONVINCE);
      this.#suspectedAt = now;
      this.#smallestSuspect = Math.min(this.#smallestSuspect, bytes);
      this.#ramp = Math.max(LEAST_RESTART_BYTES, Math.ceil(this.#largestAccepted * RESTART));
    }
  }

  taken(bytes: number): void {
    this.#successesSinceFailure++;
    this.#largestAccepted = Math.max(this.#largestAccepted, bytes);
    this.#ramp *= GROWTH;
    if (bytes * ALIKE >= this.#smallestSuspect) this.#disproved();
  }

  /** A probe counts for two successes: the first request after it may be larger than the limit. */
  recovered(): void {
    this.#successesSinceFailure++;
  }

  /** Another failure among large ones must not cost what was learnt. */
  #contradicted(): void {
    if (this.#suspicions > 1) {
      this.#suspicions--;
      return;
    }
    this.#largestAccepted = 0;
    this.#disproved();
  }

  #disproved(): void {
    this.#suspicions = 0;
    this.#smallestSuspect = Number.POSITIVE_INFINITY;
    this.#ramp = Number.POSITIVE_INFINITY;
  }
}
