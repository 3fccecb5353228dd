/** Asks the package's own command what is pending in a spool. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CLI = fileURLToPath(new URL('../../dist/cli.mjs', import.meta.url));

export async function pendingIn(directory: string): Promise<{ records: number; bytes: number }> {
  if (!existsSync(directory)) return { records: 0, bytes: 0 };
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, 'spool', 'list', directory, '--json']);
  const { total } = JSON.parse(stdout) as { total: { records: number; bytes: number } };
  return { records: total.records, bytes: total.bytes };
}
