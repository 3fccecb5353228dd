/** Which child processes measure coverage in a run that measures it: those alone that nobody kills. */

const KEPT = 'SPILLWAY_CHILD_COVERAGE';

/**
 * Vitest tells every child to measure. One that is killed while it writes its report leaves the beginning of it, which
 * cannot be parsed: the run fails although every test has passed. So children are not told, but by `measuredEnv`.
 * The variable has to leave this process: Node hands it on to children that are started with an environment of their
 * own as well.
 */
export function withholdCoverage(): void {
  const { NODE_V8_COVERAGE: directory } = process.env;
  if (directory === undefined) return;
  process.env[KEPT] = directory;
  delete process.env.NODE_V8_COVERAGE;
}

/** The environment of a child without the loaders of the test runner. */
export function childEnv(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...env } = process.env;
  return env;
}

/** The same for a child that is waited for until it ends by itself. */
export function measuredEnv(): NodeJS.ProcessEnv {
  const directory = process.env[KEPT];
  return directory === undefined ? childEnv() : { ...childEnv(), NODE_V8_COVERAGE: directory };
}

withholdCoverage();
