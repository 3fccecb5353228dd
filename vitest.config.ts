import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Most of what a child process costs is to compile what it imports. V8 measures less exactly what it did not compile.
const isMeasured = process.argv.includes('--coverage');
if (!isMeasured) {
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
    new URL('node_modules/.cache/node-compile', import.meta.url),
  );
}

/** These wait longest, for processes that live and die: begun last, they would be waited for alone. */
const FIRST = /\/(crash-\w+|process|spool-durability)\.test\.ts$/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isFirst = ({ moduleId }: TestSpecification) => FIRST.test(moduleId);
    return [...sorted.filter(isFirst), ...sorted.filter((file) => !isFirst(file))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/bundle-scripts.ts'],
    setupFiles: ['test/support/child-coverage.ts', 'test/support/nothing-registered.ts'],
    // To import everything again for each file takes longer than most files do. What a test changes, it takes back.
    isolate: false,
    // What scenarios lose at their end is no news.
    execArgv: ['--disable-warning=OTEL_SPILLWAY_LOSS'],
    // Most of the time a test waits for a socket, a disk, or a child.
    maxWorkers: isMeasured ? 2 : 4,
    sequence: { sequencer: LongestFirst },
    // None takes that long; a machine with other things to do is not to fail one.
    testTimeout: 30_000 * Number(process.env.SPILLWAY_PROPERTY_RUNS ?? 1),
    reporters: ['default', 'json'],
    outputFile: { json: 'node_modules/.cache/vitest-results.json' },
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text', 'json-summary'],
      reportOnFailure: true,
      // What runs at the end of a process can only be seen in a process that ends.
      autoAttachSubprocess: true,
      thresholds: { lines: 90, branches: 90 },
    },
  },
});
