/** Counts records by severity range. */

/** Ranges of the data model ("Severity Fields"), four numbers each; the first is for records without a severity. */
export const SEVERITY_RANGES = ['UNSPECIFIED', 'TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;

/** Records by the index of their range in {@link SEVERITY_RANGES}. */
export type SeverityCounts = readonly number[];

export function noSeverities(): number[] {
  return new Array<number>(SEVERITY_RANGES.length).fill(0);
}

/** @returns the number if it is in the data model (1 to 24), else 0: plain JavaScript may pass anything. */
export function validSeverity(severityNumber: unknown): number {
  return typeof severityNumber === 'number' &&
    severityNumber >= 1 &&
    severityNumber <= 24 &&
    (severityNumber | 0) === severityNumber
    ? severityNumber
    : 0;
}

/** Index of the range; 0 for an invalid number. */
export function severityRange(severityNumber: unknown): number {
  return (validSeverity(severityNumber) + 3) >> 2;
}

const ONE_OF_EACH: readonly SeverityCounts[] = SEVERITY_RANGES.map((_, range) =>
  Object.freeze(noSeverities().map((_, index) => (index === range ? 1 : 0))),
);

export function oneRecordOf(severityNumber: unknown): SeverityCounts {
  return ONE_OF_EACH[severityRange(severityNumber)] as SeverityCounts;
}
