/** How often a property is tried: as often as a quick run allows, and `SPILLWAY_PROPERTY_RUNS` times that in a long one. */

const times = Number(process.env.SPILLWAY_PROPERTY_RUNS ?? 1);

/** The parameters of `fc.assert` for a property that a quick run tries `quick` times. */
export function runs(quick: number): { numRuns: number } {
  return { numRuns: quick * times };
}
