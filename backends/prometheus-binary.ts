/** A Prometheus that takes OTLP, which Debian's is too old for: built from its Go module, without service discovery. */

import { builtFromModules, type Program } from '../scripts/programs.ts';

/** Modules of Prometheus 3.x are numbered 0.3xx. */
const VERSION = '0.316.0';
const MODULE = 'github.com/prometheus/prometheus';

export async function prometheusWithOtlp(say: (text: string) => void): Promise<Program> {
  const program = await builtFromModules(
    {
      name: 'prometheus',
      version: VERSION,
      key: `${process.platform}-${process.arch}`,
      module: MODULE,
      commands: [
        ['go', 'mod', 'init', 'prometheus'],
        ['go', 'get', `${MODULE}/cmd/prometheus@v${VERSION}`],
        // Dozens of clients of clouds stay out of it.
        [
          'go',
          'build',
          '-tags',
          'netgo,remove_all_sd',
          '-ldflags',
          '-s -w',
          '-o',
          'prometheus-bin',
          `${MODULE}/cmd/prometheus`,
        ],
      ],
      output: 'prometheus-bin',
    },
    say,
  );
  if ('missing' in program) return program;
  const [, minor, patch] = program.version.split('.').map(Number);
  return { ...program, version: `3.${(minor ?? 0) - 300}.${patch}` };
}
