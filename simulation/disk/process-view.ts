/** One process's view of the simulated disk: its file descriptors, and the calls that it waits for. */

import type { OpenFlags, SpoolFiles } from '../subject.ts';
import { diskError, type ErrorCode } from './disk-error.ts';
import { type Call, systemCallOf } from './disk-weather.ts';
import { type FileTree, mayChange, type OpenFile } from './file-tree.ts';
import { partOf } from './nodes.ts';
import { OpenFiles } from './open-files.ts';
import { type Stat, statOf } from './stat.ts';

/** What a view needs of its disk. */
export interface DiskOfViews {
  readonly tree: FileTree;
  readonly isHanging: boolean;
  /** Milliseconds. */
  now(): number;
  random(): number;
  /** How long a call is to take, a disk that hangs apart. */
  durationOf(call: Call): number;
  /** When a disk that hangs goes on. */
  readonly hangsUntil: number;
  /** Calls back when so much time has passed, and the disk does not hang. */
  after(millis: number, callback: () => void): void;
  /** What the weather has for a call. */
  failureOf(call: Call, isForWriting: boolean): ErrorCode | undefined;
  /** How many bytes of so many a read or a write does. @param ends where buffers end, of which it has several. */
  cut(bytes: number, ends?: readonly number[]): number;
  /** Where a write that fails in its middle does so; undefined for one that does not. */
  tear(ends: readonly number[]): number | undefined;
  misused(what: string): void;
}

/** What a call is on, and what more there is to know of it. */
interface Subject {
  readonly path?: string;
  readonly dest?: string;
  readonly fd?: number;
  readonly flags?: OpenFlags;
  /** Of a write. */
  readonly bytes?: number;
}

/** An asynchronous call whose answer the process has not got. */
interface CallUnderWay {
  readonly call: Call;
  readonly subject: Subject;
  /** The disk does it; of a write that is torn so many bytes. */
  readonly perform: (bytes?: number) => void;
  readonly answer: () => void;
  isDone: boolean;
}

export class ProcessView implements SpoolFiles {
  readonly #id: string;
  readonly #disk: DiskOfViews;
  readonly #spend: (millis: number) => void;
  readonly #files = new OpenFiles();
  readonly #underWay = new Set<CallUnderWay>();
  #state: 'running' | 'frozen' | 'dead' = 'running';
  /** Calls that came to their end while it was frozen. */
  #held: CallUnderWay[] = [];
  /** File descriptors of writes that have failed in their middle: the next write says so. */
  readonly #torn = new Set<number>();
  /** Its synchronous calls have brought it to this time, before the disk's own clock gets there. */
  #busyUntil = Number.NEGATIVE_INFINITY;

  /** @param spend is told how long a synchronous call held up the process. */
  constructor(id: string, disk: DiskOfViews, spend: (millis: number) => void) {
    this.#id = id;
    this.#disk = disk;
    this.#spend = spend;
  }

  get openFiles(): number {
    return this.#files.all.length;
  }

  get callsUnderWay(): number {
    return this.#underWay.size;
  }

  /** It stands still: the disk goes on with what it has already, and the process learns nothing of it. */
  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    const held = this.#held;
    this.#held = [];
    for (const call of held) this.#end(call);
  }

  /**
   * It is gone: what is under way is done or not, and whatever it calls from now on has no effect.
   * @param share of each write under way that is on the disk; all, nothing or a part by chance where it is left out.
   */
  kill(share?: number): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    for (const call of this.#underWay) {
      if (call.isDone) continue;
      const all = call.subject.bytes ?? 0;
      const bytes = share === undefined ? partOf(all, this.#disk.random) : Math.floor(share * all);
      if (call.call === 'write' ? bytes > 0 : (share ?? this.#disk.random()) >= 0.5) call.perform(bytes);
    }
    this.#underWay.clear();
    this.#held = [];
    for (const file of this.#files.takeAll()) this.#disk.tree.close(file);
  }

  mkdir(path: string, mode: number): Promise<void> {
    return this.#later('mkdir', { path }, () => this.#disk.tree.mkdir(path, mode));
  }

  readdir(path: string): Promise<string[]> {
    return this.#later('readdir', { path }, () => this.#disk.tree.readdir(path));
  }

  stat(path: string): Promise<Stat> {
    return this.#later('stat', { path }, () => statOf(this.#disk.tree.stat(path)));
  }

  readFile(path: string): Promise<Buffer> {
    return this.#later('readFile', { path }, () => this.#disk.tree.readFile(path));
  }

  rename(path: string, dest: string): Promise<void> {
    return this.#later('rename', { path, dest }, () => this.#disk.tree.rename(path, dest));
  }

  unlink(path: string): Promise<void> {
    return this.#later('unlink', { path }, () => this.#disk.tree.unlink(path));
  }

  rmdir(path: string): Promise<void> {
    return this.#later('rmdir', { path }, () => this.#disk.tree.rmdir(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#later('syncDirectory', { path }, () => this.#disk.tree.syncDirectory(path));
  }

  open(path: string, flags: OpenFlags, mode: number): Promise<number> {
    return this.#later('open', { path, flags }, () => this.#openFile(path, flags, mode));
  }

  close(fd: number): Promise<void> {
    return this.#later('close', { fd }, () => this.#closeFile(fd));
  }

  read(fd: number, buffer: Uint8Array, position: number): Promise<number> {
    return this.#later('read', { fd }, () => {
      // Node does not even look at the file.
      if (buffer.byteLength === 0) return 0;
      const room = buffer.subarray(0, this.#disk.cut(buffer.byteLength));
      return this.#disk.tree.read(this.#file(fd, 'read'), room, position);
    });
  }

  writev(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
    let bytes = 0;
    const ends = buffers.map(({ byteLength }) => (bytes += byteLength));
    return this.#later('write', { fd, bytes }, (torn) => {
      const all = buffers.length === 1 ? (buffers[0] as Uint8Array) : Buffer.concat(buffers);
      return this.#write(fd, all, position, torn, ends);
    });
  }

  datasync(fd: number): Promise<void> {
    return this.#later('datasync', { fd }, () => this.#disk.tree.datasync(this.#file(fd, 'fdatasync')));
  }

  mkdirSync(path: string, mode: number): void {
    this.#now('mkdir', { path }, () => this.#disk.tree.mkdir(path, mode));
  }

  statSync(path: string): Stat {
    return this.#now('stat', { path }, () => statOf(this.#disk.tree.stat(path)));
  }

  chmodSync(path: string, mode: number): void {
    this.#now('chmod', { path }, () => this.#disk.tree.chmod(path, mode));
  }

  accessSync(path: string): void {
    this.#now('access', { path }, () => this.#disk.tree.access(path));
  }

  openSync(path: string, flags: OpenFlags, mode: number): number {
    return this.#now('open', { path, flags }, () => this.#openFile(path, flags, mode));
  }

  closeSync(fd: number): void {
    this.#now('close', { fd }, () => this.#closeFile(fd));
  }

  readSync(fd: number, buffer: Uint8Array, position: number): number {
    return this.#now('read', { fd }, () => {
      const room = buffer.subarray(0, this.#disk.cut(buffer.byteLength));
      return this.#disk.tree.read(this.#file(fd, 'read'), room, position);
    });
  }

  writeSync(fd: number, bytes: Uint8Array, position: number): number {
    return this.#now('write', { fd }, () => this.#write(fd, bytes, position));
  }

  datasyncSync(fd: number): void {
    this.#now('datasync', { fd }, () => this.#disk.tree.datasync(this.#file(fd, 'fdatasync')));
  }

  renameSync(path: string, dest: string): void {
    this.#now('rename', { path, dest }, () => this.#disk.tree.rename(path, dest));
  }

  syncDirectorySync(path: string): void {
    this.#now('syncDirectory', { path }, () => this.#disk.tree.syncDirectory(path));
  }

  unlinkSync(path: string): void {
    this.#now('unlink', { path }, () => this.#disk.tree.unlink(path));
  }

  rmdirSync(path: string): void {
    this.#now('rmdir', { path }, () => this.#disk.tree.rmdir(path));
  }

  #later<T>(call: Call, subject: Subject, effect: (bytes?: number) => T): Promise<T> {
    if (this.#state === 'dead') return new Promise(() => {});
    return new Promise<T>((resolve, reject) => {
      let result: T;
      let failure: { readonly error: unknown } | undefined;
      const underWay: CallUnderWay = {
        call,
        subject,
        perform: (bytes) => {
          underWay.isDone = true;
          try {
            this.#throwFailure(call, subject);
            result = effect(bytes);
          } catch (error) {
            failure = { error };
          }
        },
        answer: () => (failure === undefined ? resolve(result) : reject(failure.error)),
        isDone: false,
      };
      this.#underWay.add(underWay);
      const delay = Math.max(0, this.#busyUntil - this.#disk.now());
      const millis = delay + this.#disk.durationOf(call);
      if (millis === 0 && !this.#disk.isHanging) return this.#end(underWay);
      // When in its time a call is done, nobody can tell but by looking.
      if (delay === 0 && !this.#disk.isHanging && this.#disk.random() < 0.5) underWay.perform();
      this.#disk.after(millis, () => this.#end(underWay));
    });
  }

  #end(call: CallUnderWay): void {
    if (this.#state === 'dead') return;
    if (this.#state === 'running' || this.#disk.random() < 0.5) {
      if (!call.isDone) call.perform();
    }
    if (this.#state === 'frozen') {
      this.#held.push(call);
      return;
    }
    this.#underWay.delete(call);
    call.answer();
  }

  #now<T>(call: Call, subject: Subject, effect: () => T): T {
    if (this.#state === 'dead') throw diskError('EIO', systemCallOf(call), subject.path, subject.dest);
    const now = Math.max(this.#disk.now(), this.#busyUntil);
    const millis = Math.max(0, this.#disk.hangsUntil - now) + this.#disk.durationOf(call);
    if (millis > 0) {
      this.#busyUntil = now + millis;
      this.#spend(millis);
      // It never comes back; whoever plays the process has been told.
      if (millis === Number.POSITIVE_INFINITY) throw diskError('EIO', systemCallOf(call), subject.path);
    }
    this.#throwFailure(call, subject);
    return effect();
  }

  #throwFailure(call: Call, { path, dest, flags }: Subject): void {
    const code = this.#disk.failureOf(call, flags !== undefined && mayChange(flags));
    if (code !== undefined) throw diskError(code, systemCallOf(call), path, dest);
  }

  #openFile(path: string, flags: OpenFlags, mode: number): number {
    return this.#files.add(this.#disk.tree.open(path, flags, mode));
  }

  #closeFile(fd: number): void {
    const file = this.#file(fd, 'close');
    for (const other of this.#underWay) {
      if (other.subject.fd !== fd || other.call === 'close' || other.isDone) continue;
      this.#disk.misused(`${this.#id}: close of ${file.path} during a ${other.call}`);
    }
    this.#files.remove(fd);
    this.#torn.delete(fd);
    this.#disk.tree.close(file);
  }

  #write(
    fd: number,
    bytes: Uint8Array,
    position: number,
    torn = bytes.byteLength,
    ends?: readonly number[],
  ): number {
    const file = this.#file(fd, 'write');
    if (this.#torn.delete(fd)) throw diskError('EIO', 'write');
    const tornAt = ends === undefined ? undefined : this.#disk.tear(ends);
    if (tornAt !== undefined) this.#torn.add(fd);
    const done = Math.min(torn, tornAt ?? this.#disk.cut(bytes.byteLength, ends));
    return this.#disk.tree.write(file, bytes.subarray(0, done), position);
  }

  #file(fd: number, systemCall: string): OpenFile {
    const file = this.#files.get(fd);
    if (file !== undefined) return file;
    this.#disk.misused(`${this.#id}: ${systemCall} of a file that is not open`);
    throw diskError('EBADF', systemCall);
  }
}
