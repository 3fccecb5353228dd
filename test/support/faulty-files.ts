/** The real file system, until a test says what goes wrong: errors, full disks, short counts, slowness, death, loss of power. */

import fs from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { nodeFiles, type SpoolFiles } from '../../src/spool/format/file-system.ts';

const MESSAGES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EIO: 'i/o error',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  EROFS: 'read-only file system',
};

/** The name of a call, of both kinds: `unlink` is `unlinkSync` too, and `write` is `writev` and `writeSync`. */
export type Call =
  | 'mkdir'
  | 'readdir'
  | 'stat'
  | 'access'
  | 'chmod'
  | 'readFile'
  | 'rename'
  | 'unlink'
  | 'rmdir'
  | 'syncDirectory'
  | 'open'
  | 'close'
  | 'read'
  | 'write'
  | 'datasync';

const MANY_WRITES = 1_000;

/** Every call that changes the disk, or means to. */
export const WRITING: readonly Call[] = ['mkdir', 'rename', 'unlink', 'rmdir', 'open', 'write', 'datasync'];

export interface Fault {
  readonly on: readonly Call[];
  readonly code: keyof typeof MESSAGES;
  /** Only where the path has this in it; everywhere by default. */
  readonly path?: RegExp;
  /** How many calls go well before; 0 by default. */
  readonly after?: number;
  /** How many calls fail; all by default. */
  readonly times?: number;
}

interface ActiveFault extends Fault {
  seen: number;
}

type AnyFunction = (...args: unknown[]) => unknown;

/** A process's view of the disk. Give each process that a test plays its own. */
export class FaultyFiles {
  readonly files: SpoolFiles;
  readonly #real: SpoolFiles;
  readonly #paths = new Map<number, string>();
  readonly #counts = new Map<Call, number>();
  #totalCalls = 0;
  #faults: ActiveFault[] = [];
  #gates: { readonly on: readonly Call[]; readonly open: Promise<void> }[] = [];
  #held: { readonly call: Call; readonly args: unknown[] }[] = [];
  #underWay = 0;
  #isDead = false;
  /** What a loss of power leaves: the size of each file at its last sync. What is not in here has no content. */
  readonly #syncedBytes = new Map<string, number>();
  /** Files and directories whose names are not durable yet. */
  readonly #unsyncedNames = new Set<string>();
  /** What is left of the disk: each byte of growth takes one, a file that is unlinked gives its own back. */
  freeBytes = Number.POSITIVE_INFINITY;
  /** What one call writes or reads, at most. */
  maxWriteBytes = Number.POSITIVE_INFINITY;
  maxReadBytes = Number.POSITIVE_INFINITY;
  /** Writes to such files write nothing, and report no error. */
  writesNothing: RegExp | undefined;
  #emptyWrites = 0;
  /** The process dies in the call after so many. */
  diesAfterCalls = Number.POSITIVE_INFINITY;
  /** What would go wrong one day: a file that is closed while something is under way on it, or used when it is closed. */
  readonly misuses: string[] = [];
  readonly #inUse = new Map<number, number>();
  /** Each call and what it was on, as `write /path`. */
  readonly log: string[] = [];

  constructor(real: SpoolFiles = nodeFiles) {
    this.#real = real;
    this.files = new Proxy(real, {
      get: (target, name: keyof SpoolFiles) => {
        const method = target[name] as AnyFunction;
        const call = callOf(name);
        return name.endsWith('Sync')
          ? (...args: unknown[]) => this.#callSync(call, method, args)
          : (...args: unknown[]) => this.#call(call, method, args);
      },
    });
  }

  /** Calls so far, failed ones as well. */
  calls(...names: readonly Call[]): number {
    return names.reduce((sum, name) => sum + (this.#counts.get(name) ?? 0), 0);
  }

  get totalCalls(): number {
    return this.#totalCalls;
  }

  /** Calls that wait for the disk; those that wait for the test are not among them. */
  get isDead(): boolean {
    return this.#isDead;
  }

  get underWay(): number {
    return this.#underWay;
  }

  get heldCalls(): number {
    return this.#held.length;
  }

  /** What the calls are on that wait for the test. */
  get heldPaths(): string[] {
    return this.#held.map(({ args }) => String(args[0]));
  }

  get openFiles(): number {
    return this.#paths.size;
  }

  /** @returns what ends it. */
  fail(fault: Fault): () => void {
    const active = { ...fault, seen: 0 };
    this.#faults.push(active);
    return () => {
      this.#faults = this.#faults.filter((other) => other !== active);
    };
  }

  /** Asynchronous calls of these names wait. @returns what lets them go on, in order. */
  hold(...on: readonly Call[]): () => Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const gate = { on, open: promise };
    this.#gates.push(gate);
    return async () => {
      this.#gates = this.#gates.filter((other) => other !== gate);
      resolve();
      await promise;
    };
  }

  /**
   * The process is gone: what is under way is done by the disk, what is held is not (or torn, with `tornBytes` of
   * each held write on the disk), and the process learns of neither. Nothing it calls from now on has an effect.
   */
  async kill(tornBytes = 0): Promise<void> {
    this.#isDead = true;
    for (const { call, args } of this.#held) {
      if (call !== 'write' || tornBytes === 0) continue;
      const [fd, buffers, position] = args as [number, readonly Uint8Array[], number];
      await this.#real.writev(fd, [Buffer.concat(buffers).subarray(0, tornBytes)], position);
    }
    // Not before: the number of a file that is closed is given to the next that is opened.
    while (this.#underWay > 0) await nextTurn();
    for (const fd of this.#paths.keys()) fs.closeSync(fd);
    this.#paths.clear();
  }

  /** After {@link kill}: what was not synced is gone, as far as it can be. */
  losePower(): void {
    for (const path of this.#unsyncedNames) fs.rmSync(path, { recursive: true, force: true });
    for (const path of this.#written) {
      if (fs.existsSync(path)) fs.truncateSync(path, this.#syncedBytes.get(path) ?? 0);
    }
  }

  readonly #written = new Set<string>();

  async #call(call: Call, method: AnyFunction, args: unknown[]): Promise<unknown> {
    const path = this.#enter(call, args);
    const release = this.#use(call, args);
    const gate = this.#gates.find(({ on }) => on.includes(call));
    if (gate !== undefined && !this.#isDead) {
      const held = { call, args };
      this.#held.push(held);
      await gate.open;
      this.#held.splice(this.#held.indexOf(held), 1);
    }
    if (this.#isDead) return await forever();
    this.#underWay++;
    try {
      this.#throwFault(call, path, args);
      const undo = this.#before(call, path, args);
      const result = await method.apply(this.#real, this.#cut(call, args));
      undo();
      this.#after(call, path, args, result);
      // A process that is gone must not run on, whether its last call went well or not.
      return this.#isDead ? await this.#leaveForever() : result;
    } catch (error) {
      if (this.#isDead) return await this.#leaveForever();
      throw error;
    } finally {
      release();
      this.#underWay--;
    }
  }

  /** @returns what ends it. */
  #use(call: Call, [fd]: readonly unknown[]): () => void {
    if (typeof fd !== 'number' || call === 'close') return () => {};
    this.#inUse.set(fd, (this.#inUse.get(fd) ?? 0) + 1);
    return () => this.#inUse.set(fd, (this.#inUse.get(fd) ?? 0) - 1);
  }

  #callSync(call: Call, method: AnyFunction, args: unknown[]): unknown {
    const path = this.#enter(call, args);
    if (this.#isDead) throw errorOf('EIO', call, path);
    this.#throwFault(call, path, args);
    const undo = this.#before(call, path, args);
    const result = method.apply(this.#real, this.#cut(call, args));
    undo();
    this.#after(call, path, args, result);
    return result;
  }

  #leaveForever(): Promise<never> {
    this.#underWay--;
    return forever();
  }

  #enter(call: Call, args: unknown[]): string {
    const [target] = args;
    const path = typeof target === 'number' ? (this.#paths.get(target) ?? '') : String(target);
    this.#counts.set(call, (this.#counts.get(call) ?? 0) + 1);
    this.#totalCalls++;
    this.log.push(`${call} ${path}`);
    if (typeof target === 'number' && !this.#isDead) {
      if (!this.#paths.has(target)) this.misuses.push(`${call} of a file that is closed`);
      if (call === 'close' && (this.#inUse.get(target) ?? 0) > 0)
        this.misuses.push(`close of ${path} in use`);
    }
    if (this.#totalCalls > this.diesAfterCalls) this.#isDead = true;
    return path;
  }

  #throwFault(call: Call, path: string, args: unknown[]): void {
    const isForReading = call === 'open' && args[1] === 'r';
    for (const fault of this.#faults) {
      if (!fault.on.includes(call) || fault.path?.test(path) === false) continue;
      // Full and read-only disks can be read.
      if (isForReading && ['ENOSPC', 'EROFS'].includes(fault.code)) continue;
      const seen = fault.seen++ - (fault.after ?? 0);
      if (seen >= 0 && seen < (fault.times ?? Number.POSITIVE_INFINITY)) {
        throw errorOf(fault.code, call, path);
      }
    }
  }

  /** @returns what is to be done once it has worked. */
  #before(call: Call, path: string, args: unknown[]): () => void {
    if (call === 'unlink' && this.freeBytes !== Number.POSITIVE_INFINITY) {
      const { size } = fs.statSync(path, { throwIfNoEntry: false }) ?? { size: 0 };
      return () => {
        this.freeBytes += size;
      };
    }
    if (call === 'datasync' && !fs.fstatSync(args[0] as number).isDirectory()) {
      const { size } = fs.fstatSync(args[0] as number);
      return () => this.#syncedBytes.set(path, size);
    }
    if (call === 'close') {
      // Before: once it is closed, its number may be another file's.
      this.#paths.delete(args[0] as number);
    }
    const isNew =
      call === 'mkdir' || (call === 'open' && /^[wa]/.test(String(args[1])) && !fs.existsSync(path));
    if (isNew) {
      if (this.freeBytes === 0) throw errorOf('ENOSPC', call, path);
      return () => this.#unsyncedNames.add(path);
    }
    if (call === 'syncDirectory' || call === 'datasync') {
      const durable = [...this.#unsyncedNames].filter((name) => dirname(name) === path);
      return () => {
        for (const name of durable) this.#unsyncedNames.delete(name);
      };
    }
    return () => {};
  }

  /** The arguments of a read or write that does less than it was asked to. */
  #cut(call: Call, args: unknown[]): unknown[] {
    const [fd, data, position] = args as [number, Uint8Array | readonly Uint8Array[], number];
    if (call === 'read') {
      const buffer = data as Uint8Array;
      return [fd, buffer.subarray(0, Math.min(buffer.byteLength, this.maxReadBytes)), position];
    }
    if (call !== 'write') return args;
    const path = this.#paths.get(fd);
    if (path !== undefined) this.#written.add(path);
    const buffers = Array.isArray(data) ? (data as readonly Uint8Array[]) : [data as Uint8Array];
    if (this.writesNothing?.test(path ?? '')) {
      this.#countEmptyWrite();
      return [fd, Array.isArray(data) ? [Buffer.alloc(0)] : Buffer.alloc(0), position];
    }
    const asked = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const { size } = fs.fstatSync(fd);
    const room = Math.max(0, size - position) + this.freeBytes;
    const bytes = Math.min(asked, room, this.maxWriteBytes);
    if (bytes === 0 && asked > 0) throw errorOf('ENOSPC', call, path ?? '');
    this.freeBytes -= Math.max(0, position + bytes - size);
    if (bytes === asked) return args;
    const cut = Buffer.concat(buffers).subarray(0, bytes);
    return [fd, Array.isArray(data) ? [cut] : cut, position];
  }

  /** A caller that goes on for ever would not even let a test time out. */
  #countEmptyWrite(): void {
    if (++this.#emptyWrites < MANY_WRITES) return;
    this.misuses.push('a write that writes nothing is tried for ever');
    throw errorOf('EIO', 'write', '');
  }

  #after(call: Call, path: string, args: unknown[], result: unknown): void {
    if (call === 'open') this.#paths.set(result as number, path);
    if (call === 'rename') this.#rename(path, String(args[1]));
  }

  #rename(from: string, to: string): void {
    const moved = (path: string) =>
      path === from || path.startsWith(from + sep) ? to + path.slice(from.length) : path;
    for (const [fd, path] of this.#paths) this.#paths.set(fd, moved(path));
    for (const paths of [this.#written, this.#unsyncedNames]) {
      const all = [...paths];
      paths.clear();
      for (const path of all) paths.add(moved(path));
    }
    const synced = [...this.#syncedBytes];
    this.#syncedBytes.clear();
    for (const [path, bytes] of synced) this.#syncedBytes.set(moved(path), bytes);
  }
}

function callOf(name: string): Call {
  const call = name.endsWith('Sync') ? name.slice(0, -'Sync'.length) : name;
  return (call === 'writev' ? 'write' : call) as Call;
}

function errorOf(code: string, call: Call, path: string): NodeJS.ErrnoException {
  const error = new Error(`${code}: ${MESSAGES[code]}, ${call} '${path}'`);
  return Object.assign(error, { code, syscall: call, path });
}

function forever(): Promise<never> {
  return new Promise<never>(() => {});
}

/** Every file below a directory, in the order of the names. */
export function filesBelow(directory: string, suffix = ''): string[] {
  const entries = fs.readdirSync(directory, { withFileTypes: true });
  return entries
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return filesBelow(path, suffix);
      return path.endsWith(suffix) ? [path] : [];
    });
}

/** The sizes of all files below a directory. */
export function bytesBelow(directory: string, suffix = ''): number {
  return filesBelow(directory, suffix).reduce((sum, path) => sum + fs.statSync(path).size, 0);
}

/** Cuts a file off. */
export function truncate(path: string, bytes: number): void {
  fs.truncateSync(path, bytes);
}

/** Turns one bit of a file over. @param bit from 0 to 7. */
export function flipBit(path: string, byte: number, bit: number): void {
  const content = fs.readFileSync(path);
  content[byte] = (content[byte] as number) ^ (1 << bit);
  fs.writeFileSync(path, content);
}

export function appendGarbage(path: string, garbage: Uint8Array): void {
  fs.appendFileSync(path, garbage);
}
