/**
 * What is on a simulated disk, and what each call makes of it: without time, weather or processes. The rules are Linux's; the
 * user is root, whom no mode keeps out of a directory.
 */

import type { OpenFlags } from '../subject.ts';
import { diskError } from './disk-error.ts';
import { type NameChange, NameLog } from './name-log.ts';
import { DirectoryNode, type DiskNode, FileNode } from './nodes.ts';

/** The usual one. */
const UMASK = 0o022;

/** What a path leads to: a name in a directory, which may not be there. */
interface Place {
  readonly parent: DirectoryNode;
  /** Empty for the root. */
  readonly name: string;
  readonly node: DiskNode | undefined;
}

/** A file descriptor's. */
export interface OpenFile {
  readonly node: DiskNode;
  readonly path: string;
  readonly canRead: boolean;
  readonly canWrite: boolean;
}

interface OpenRules {
  readonly reads: boolean;
  readonly writes: boolean;
  readonly creates: boolean;
}

const RULES: Readonly<Record<OpenFlags, OpenRules>> = {
  r: { reads: true, writes: false, creates: false },
  'r+': { reads: true, writes: true, creates: false },
  wx: { reads: false, writes: true, creates: true },
  'wx+': { reads: true, writes: true, creates: true },
};

export function mayChange(flags: OpenFlags): boolean {
  return RULES[flags].writes;
}

export class FileTree {
  readonly root = new DirectoryNode(0o755, undefined);
  readonly #log = new NameLog();
  readonly #files = new Set<FileNode>();
  readonly #now: () => number;
  /** Of all files, those without a name that are still open as well. */
  usedBytes = 0;
  capacityBytes = Number.POSITIVE_INFINITY;

  constructor(now: () => number) {
    this.#now = now;
  }

  get freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  mkdir(path: string, mode: number): void {
    const { parent, name, node } = this.#find(path, 'mkdir');
    if (node !== undefined) throw diskError('EEXIST', 'mkdir', path);
    if (this.freeBytes === 0) throw diskError('ENOSPC', 'mkdir', path);
    this.#name(parent, name, new DirectoryNode(mode & ~UMASK, parent));
  }

  readdir(path: string): string[] {
    return [...this.#directory(path, 'scandir').entries.keys()].sort();
  }

  stat(path: string): DiskNode {
    return this.#existing(path, 'stat').node;
  }

  access(path: string): void {
    const { node } = this.#existing(path, 'access');
    // What nobody may execute root may not either.
    if (!node.isDirectory && (node.mode & 0o111) === 0) throw diskError('EACCES', 'access', path);
  }

  chmod(path: string, mode: number): void {
    this.#existing(path, 'chmod').node.mode = mode;
  }

  readFile(path: string): Buffer {
    const { node } = this.#existing(path, 'open');
    if (node.isDirectory) throw diskError('EISDIR', 'open', path);
    return node.content;
  }

  rename(from: string, to: string): void {
    const source = this.#find(from, 'rename', to, from);
    const target = this.#find(to, 'rename', to, from);
    const { node } = source;
    if (node === undefined) throw diskError('ENOENT', 'rename', from, to);
    if (source.name === '' || target.name === '') throw diskError('EBUSY', 'rename', from, to);
    if (isWithin(target.parent, node)) throw diskError('EINVAL', 'rename', from, to);
    const replaced = target.node;
    if (replaced === node) return;
    if (replaced !== undefined) {
      if (isWithin(source.parent, replaced)) throw diskError('ENOTEMPTY', 'rename', from, to);
      if (node.isDirectory && !replaced.isDirectory) throw diskError('ENOTDIR', 'rename', from, to);
      if (!node.isDirectory && replaced.isDirectory) throw diskError('EISDIR', 'rename', from, to);
      if (replaced.isDirectory && replaced.entries.size > 0) throw diskError('ENOTEMPTY', 'rename', from, to);
    }
    if (node.isDirectory) node.parent = target.parent;
    const changes = [this.#put(source.parent, source.name, undefined)];
    changes.push(this.#put(target.parent, target.name, node));
    this.#log.add(this.#now(), changes);
  }

  unlink(path: string): void {
    const { parent, name, node } = this.#existing(path, 'unlink');
    if (node.isDirectory) throw diskError('EISDIR', 'unlink', path);
    this.#name(parent, name, undefined);
  }

  rmdir(path: string): void {
    const { parent, name, node } = this.#existing(path, 'rmdir');
    if (!node.isDirectory) throw diskError('ENOTDIR', 'rmdir', path);
    if (name === '') throw diskError('EBUSY', 'rmdir', path);
    if (node.entries.size > 0) throw diskError('ENOTEMPTY', 'rmdir', path);
    this.#name(parent, name, undefined);
  }

  syncDirectory(path: string): void {
    const { node } = this.#existing(path, 'open');
    if (node.isDirectory) this.#log.sync(node);
    else node.sync();
  }

  open(path: string, flags: OpenFlags, mode: number): OpenFile {
    const rules = RULES[flags];
    const { parent, name, node: found } = this.#find(path, 'open');
    if (found === undefined && !rules.creates) throw diskError('ENOENT', 'open', path);
    if (found !== undefined && rules.creates) throw diskError('EEXIST', 'open', path);
    if (found?.isDirectory) throw diskError('EISDIR', 'open', path);
    const node = found ?? this.#create(parent, name, path, mode);
    node.openings++;
    return { node, path, canRead: rules.reads, canWrite: rules.writes };
  }

  close({ node }: OpenFile): void {
    if (node.isDirectory) return;
    node.openings--;
    this.#forget(node);
  }

  read({ node, canRead }: OpenFile, buffer: Uint8Array, position: number): number {
    if (!canRead) throw diskError('EBADF', 'read');
    if (node.isDirectory) throw diskError('EISDIR', 'read');
    return node.read(buffer, position);
  }

  /** @returns the bytes written: fewer than it was given when the disk becomes full. */
  write({ node, canWrite }: OpenFile, bytes: Uint8Array, position: number): number {
    if (!canWrite || node.isDirectory) throw diskError('EBADF', 'write');
    const room = Math.max(0, node.size - position) + this.freeBytes;
    const written = Math.min(bytes.byteLength, room);
    if (written === 0 && bytes.byteLength > 0) throw diskError('ENOSPC', 'write');
    this.usedBytes -= node.size;
    node.write(bytes.subarray(0, written), position, this.#now());
    this.usedBytes += node.size;
    return written;
  }

  datasync({ node }: OpenFile): void {
    if (node.isDirectory) this.#log.sync(node);
    else node.sync();
  }

  /** Nothing may be open. @param random chance, in [0, 1). */
  losePower(random: () => number): void {
    const now = this.#now();
    for (const { directory, name, before } of this.#log.losePower(now, random)) {
      this.#put(directory, name, before);
      if (before?.isDirectory) before.parent = directory;
    }
    for (const file of this.#files) {
      file.losePower(now, random);
    }
    this.usedBytes = 0;
    for (const file of this.#files) {
      this.usedBytes += file.size;
      this.#forget(file);
    }
  }

  #create(parent: DirectoryNode, name: string, path: string, mode: number): FileNode {
    if (this.freeBytes === 0) throw diskError('ENOSPC', 'open', path);
    const file = new FileNode(mode & ~UMASK);
    this.#name(parent, name, file);
    return file;
  }

  /** One change of a name that is a call of its own. */
  #name(directory: DirectoryNode, name: string, node: DiskNode | undefined): void {
    this.#log.add(this.#now(), [this.#put(directory, name, node)]);
  }

  #put(directory: DirectoryNode, name: string, node: DiskNode | undefined): NameChange {
    const before = directory.entries.get(name);
    directory.entries.delete(name);
    if (node !== undefined) directory.entries.set(name, node);
    if (node?.isDirectory === false) {
      node.names++;
      if (!this.#files.has(node)) this.usedBytes += node.size;
      this.#files.add(node);
    }
    if (before?.isDirectory === false) {
      before.names--;
      this.#forget(before);
    }
    return { directory, name, before };
  }

  #forget(file: FileNode): void {
    if (file.names > 0 || file.openings > 0 || !this.#files.delete(file)) return;
    this.usedBytes -= file.size;
  }

  #directory(path: string, call: string): DirectoryNode {
    const { node } = this.#existing(path, call);
    if (!node.isDirectory) throw diskError('ENOTDIR', call, path);
    return node;
  }

  #existing(path: string, call: string): Place & { readonly node: DiskNode } {
    const place = this.#find(path, call);
    if (place.node === undefined) throw diskError('ENOENT', call, path);
    return place as Place & { readonly node: DiskNode };
  }

  /** A path is normalised; one that does not begin with a slash begins at the root as well. */
  #find(path: string, call: string, to?: string, from = path): Place {
    let parent = this.root;
    let name = '';
    let node: DiskNode | undefined = this.root;
    for (const part of path.split('/')) {
      if (part === '' || part === '.') continue;
      if (node === undefined) throw diskError('ENOENT', call, from, to);
      if (!node.isDirectory) throw diskError('ENOTDIR', call, from, to);
      parent = node;
      name = part;
      node = node.entries.get(part);
    }
    return { parent, name, node };
  }
}

/** Whether a directory is `node` or below it. */
function isWithin(directory: DirectoryNode, node: DiskNode): boolean {
  for (let at: DirectoryNode | undefined = directory; at !== undefined; at = at.parent) {
    if (at === node) return true;
  }
  return false;
}
