/** What the gates share: running a command, a temporary directory, the built package, the packed package. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

export const root = join(import.meta.dirname, '..');

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  timeoutMillis?: number;
}

export interface RunResult {
  /** The exit code, or in words why there is none. */
  status: number | string;
  /** Standard output alone, for commands that answer in JSON. */
  stdout: string;
  /** Standard output and standard error as they came. */
  output: string;
}

/** Runs a command until it and all that shares its output have ended; never rejects for what the command does. */
export function run(command: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  const { cwd = root, env = {}, timeoutMillis = 120_000 } = options;
  // The tools of this repository, the pinned Node among them, come before whatever the machine has.
  const path = [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  return new Promise((resolve) => {
    let stdout = '';
    let output = '';
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, PATH: path, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const end = (status: number | string) => {
      clearTimeout(limit);
      resolve({ status, stdout, output });
    };
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      // A process it left behind may hold the pipes open for ever.
      child.stdout.destroy();
      child.stderr.destroy();
      end(`no end within ${timeoutMillis} ms`);
    }, timeoutMillis);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) => end(code ?? signal ?? 'no exit code'));
  });
}

/** Runs a command that has to succeed. */
export async function runOrThrow(command: string, args: string[], options?: RunOptions): Promise<RunResult> {
  const result = await run(command, args, options);
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(' ')} ended with ${result.status}\n${result.output}`);
  }
  return result;
}

/** Gives `use` a directory outside the repository, so that nothing resolves from its node_modules by accident. */
export async function withTemporaryDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'otel-spillway-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A tool that only its gate needs has a `package.json` of its own, so that nobody else installs it. @returns its folder. */
export function installedTool(name: string): Promise<string> {
  return installed(join('tools', name));
}

/**
 * Installs what the `package.json` of a folder names, unless `witness`, one of its packages, is there already.
 *
 * @returns the folder.
 */
export async function installed(
  folder: string,
  witness = '',
  flags: readonly string[] = [],
): Promise<string> {
  const directory = resolve(root, folder);
  if (!existsSync(join(directory, 'node_modules', witness))) {
    await runOrThrow('npm', ['ci', ...flags], { cwd: directory, timeoutMillis: 300_000 });
  }
  return directory;
}

/** Builds `dist`; a gate that looked at what an earlier build left there would vouch for the wrong code. */
export async function build(): Promise<void> {
  await runOrThrow('tsdown', ['--logLevel', 'error']);
}

export interface Packed {
  tarball: string;
  packedBytes: number;
  unpackedBytes: number;
  files: { path: string; size: number }[];
}

/** Builds and packs the package as `npm publish` would. */
export async function pack(directory: string): Promise<Packed> {
  await build();
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory];
  const { stdout } = await runOrThrow('npm', args);
  const [entry] = Object.values(JSON.parse(stdout)) as {
    filename: string;
    size: number;
    unpackedSize: number;
    files: { path: string; size: number }[];
  }[];
  if (entry === undefined) throw new Error(`npm pack named no package: ${stdout}`);
  return {
    tarball: join(directory, entry.filename),
    packedBytes: entry.size,
    unpackedBytes: entry.unpackedSize,
    files: entry.files,
  };
}

/** Ends a gate: lists what is wrong, or says in one line what holds. */
export function conclude(problems: string[], holds: string): void {
  for (const problem of problems) console.error(`FAILED ${problem}`);
  if (problems.length === 0) console.log(holds);
  else process.exitCode = 1;
}
