/** `node scripts/simulate-bug.ts FILE OLD NEW [options of the simulator]`: the simulator against a copy of src with one bug put in. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');

const [file, from, to, ...options] = process.argv.slice(2);
if (file === undefined || from === undefined || to === undefined) {
  console.error("node scripts/simulate-bug.ts src/queue/occupancy.ts '>= 0' '> 0' --seeds 10000");
  process.exit(2);
}

const copy = mkdtempSync(join(tmpdir(), 'otel-spillway-bug-'));
try {
  for (const name of ['src', 'simulation', 'package.json']) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const path = join(copy, file);
  const [before, after, ...others] = readFileSync(path, 'utf8').split(from);
  if (before === undefined || after === undefined || others.length > 0) {
    throw new Error(`${file} has to have it once: ${from}`);
  }
  console.log(`${file}:${before.split('\n').length}: ${from.trim()} -> ${to.trim() || 'nothing'}`);
  writeFileSync(path, `${before}${to}${after}`);
  const { status } = spawnSync(process.execPath, [join(copy, 'simulation/main.ts'), ...options], {
    stdio: 'inherit',
  });
  console.log(status === 0 ? 'not found' : 'found');
  process.exitCode = status === 0 ? 1 : 0;
} finally {
  rmSync(copy, { recursive: true });
}
