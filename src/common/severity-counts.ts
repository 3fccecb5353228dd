/** How many records of each severity range: what is told of records that are gone. */

/** The ranges of the data model ("Severity Fields"): four numbers each, and what has no severity. */
export const SEVERITY_RANGES = ['UNSPECIFIED', 'TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;

/** Records by the index of their range in {@link SEVERITY_RANGES}. */
export type SeverityCounts = readonly number[];

export function noSeverities(): number[] {
  return new Array<number>(SEVERITY_RANGES.length).fill(0);
}

/** A severity number of the data model, 1 to 24; 0 for what is none, which an application in plain JavaScript may pass. */
export function validSeverity(severityNumber: unknown): number {
  return typeof severityNumber === 'number' &&
    severityNumber >= 1 &&
    severityNumber <= 24 &&
    (severityNumber | 0) === severityNumber
    ? severityNumber
    : 0;
}

/** The index of a severity number's range; 0 for what is none. */
export function severityRange(severityNumber: unknown): number {
  return (validSeverity(severityNumber) + 3) >> 2;
}

const ONE_OF_EACH: readonly SeverityCounts[] = SEVERITY_RANGES.map((_, range) =>
  Object.freeze(noSeverities().map((_, index) => (index === range ? 1 : 0))),
);

/** The counts of a single record. */
export function oneRecordOf(severityNumber: unknown): SeverityCounts {
  return ONE_OF_EACH[severityRange(severityNumber)] as SeverityCounts;
}
