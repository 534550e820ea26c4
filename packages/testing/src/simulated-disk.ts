import { posix } from 'node:path';

import type { Disk, DiskFile, OpenMode, Random } from '@cortex-runtime/core';

export type DiskOperation = 'open' | 'write' | 'read' | 'datasync' | 'truncate' | 'rename' | 'link' | 'remove' | 'syncDirectory';

export interface DiskFault {
  operation: DiskOperation;
  /** Which of them from now on, 1 for the next. */
  nth: number;
  /** `EIO`, `ENOSPC` … */
  code: string;
  /** Counts only operations on paths that contain this. */
  path?: string;
  /** Bytes of a failing write that reach the file all the same. */
  keepBytes?: number;
}

/** A disk in memory that forgets what was not synced, as a real one may when the power fails. */
export interface SimulatedDisk extends Disk {
  /** Operations since the start, those that failed too. */
  readonly operations: number;
  /** How often each operation was called. */
  readonly counts: Readonly<Record<DiskOperation, number>>;
  failOn(fault: DiskFault): void;
  /** The power fails when this many more operations have begun: that one and all later ones never return, until `restart`. */
  cutPowerAfter(operations: number): void;
  readonly hasPower: boolean;
  /** Resolves when the power has failed. */
  readonly powerCut: Promise<void>;
  /** Power is back. What was not synced is kept, dropped or torn by chance: sectors of a file each on their own, and names. Open files are gone. */
  restart(): void;
}

export interface SimulatedDiskOptions {
  /** Bytes that are written together or not at all, unless they are torn. Default 512. */
  sectorBytes?: number;
  /** Chance that a sector that was being written holds a part of each. Default 0.1. */
  tornChance?: number;
  /** More does not fit: writes fail with ENOSPC after what fits. */
  capacityBytes?: number;
}

interface Inode {
  /** What a read gives now. */
  current: Buffer;
  /** What is on stable storage. */
  stable: Buffer;
}

type NameChange = { kind: 'set'; path: string; inode: Inode | 'directory' } | { kind: 'remove'; path: string } | { kind: 'rename'; from: string; to: string; inode: Inode };

const directoryOf = (path: string) => posix.dirname(path);
const failure = (code: string, operation: string, path: string) => Object.assign(new Error(`${code}: simulated, ${operation} '${path}'`), { code });

export function simulatedDisk(deps: { random: Random }, options: SimulatedDiskOptions = {}): SimulatedDisk {
  return new MemoryDisk(deps.random, { sectorBytes: 512, tornChance: 0.1, capacityBytes: Number.POSITIVE_INFINITY, ...options });
}

class MemoryDisk implements SimulatedDisk {
  operations = 0;
  readonly counts: Record<DiskOperation, number> = { open: 0, write: 0, read: 0, datasync: 0, truncate: 0, rename: 0, link: 0, remove: 0, syncDirectory: 0 };
  readonly #random: Random;
  readonly #options: Required<SimulatedDiskOptions>;
  #names = new Map<string, Inode | 'directory'>([['/', 'directory']]);
  #stableNames = new Map<string, Inode | 'directory'>([['/', 'directory']]);
  #changes: NameChange[] = [];
  #faults: DiskFault[] = [];
  #powerLeft = Number.POSITIVE_INFINITY;
  /** Files that were opened before a restart are gone. */
  #start = 0;
  #announceCut: () => void = () => undefined;
  powerCut: Promise<void> = Promise.resolve();

  constructor(random: Random, options: Required<SimulatedDiskOptions>) {
    this.#random = random;
    this.#options = options;
    this.#awaitCut();
  }

  get hasPower(): boolean {
    return this.#powerLeft > 0;
  }

  failOn(fault: DiskFault): void {
    this.#faults.push({ ...fault });
  }

  cutPowerAfter(operations: number): void {
    this.#powerLeft = operations;
    if (operations <= 0) this.#announceCut();
  }

  restart(): void {
    const inodes = new Set<Inode>();
    for (const found of [...this.#names.values(), ...this.#stableNames.values()]) if (found !== 'directory') inodes.add(found);
    for (const inode of inodes) this.#settle(inode);
    for (const change of this.#changes) if (this.#random.next() < 0.5) apply(this.#stableNames, change);
    for (const path of [...this.#stableNames.keys()]) {
      // nothing is reached through a directory that did not survive
      for (let parent = directoryOf(path); path !== '/'; parent = directoryOf(parent)) {
        if (this.#stableNames.get(parent) !== 'directory') this.#stableNames.delete(path);
        if (parent === '/') break;
      }
    }
    this.#names = new Map(this.#stableNames);
    this.#changes = [];
    this.#faults = [];
    this.#powerLeft = Number.POSITIVE_INFINITY;
    this.#start += 1;
    this.#awaitCut();
  }

  async open(given: string, mode: OpenMode): Promise<DiskFile> {
    const path = posix.resolve('/', given);
    await this.#operation('open', path);
    const found = this.#names.get(path);
    if (found === 'directory') throw failure('EISDIR', 'open', path);
    if (found === undefined && (mode === 'read' || mode === 'update')) throw failure('ENOENT', 'open', path);
    if (found !== undefined && mode === 'create') throw failure('EEXIST', 'open', path);
    let inode = found;
    if (inode === undefined) {
      if (this.#names.get(directoryOf(path)) !== 'directory') throw failure('ENOENT', 'open', path);
      inode = { current: Buffer.alloc(0), stable: Buffer.alloc(0) };
      this.#change({ kind: 'set', path, inode });
    }
    if (mode === 'write') inode.current = Buffer.alloc(0);
    return this.#file(inode, path);
  }

  async readFile(given: string): Promise<Uint8Array> {
    const path = posix.resolve('/', given);
    await this.#operation('read', path);
    const found = this.#names.get(path);
    if (found === undefined || found === 'directory') throw failure(found === undefined ? 'ENOENT' : 'EISDIR', 'open', path);
    return Buffer.from(found.current);
  }

  async list(given: string): Promise<string[]> {
    const path = posix.resolve('/', given);
    await this.#operation('read', path);
    if (this.#names.get(path) !== 'directory') throw failure('ENOENT', 'scandir', path);
    return [...this.#names.keys()].filter((each) => each !== path && directoryOf(each) === path).map((each) => posix.basename(each)).sort();
  }

  async stat(given: string): ReturnType<Disk['stat']> {
    const path = posix.resolve('/', given);
    await this.#operation('read', path);
    const found = this.#names.get(path);
    if (found === undefined) return undefined;
    return found === 'directory' ? { kind: 'directory', size: 0, modifiedAt: 0 } : { kind: 'file', size: found.current.length, modifiedAt: 0 };
  }

  async makeDirectory(given: string): Promise<void> {
    const path = posix.resolve('/', given);
    await this.#operation('open', path);
    const parts = path.split('/').slice(1);
    for (let index = 1; index <= parts.length; index += 1) {
      const each = `/${parts.slice(0, index).join('/')}`;
      if (!this.#names.has(each)) this.#change({ kind: 'set', path: each, inode: 'directory' });
    }
  }

  async rename(givenFrom: string, givenTo: string): Promise<void> {
    const [from, to] = [posix.resolve('/', givenFrom), posix.resolve('/', givenTo)];
    await this.#operation('rename', to);
    const inode = this.#names.get(from);
    if (inode === undefined || inode === 'directory') throw failure('ENOENT', 'rename', from);
    this.#change({ kind: 'rename', from, to, inode });
  }

  async link(givenFrom: string, givenTo: string): Promise<void> {
    const [from, to] = [posix.resolve('/', givenFrom), posix.resolve('/', givenTo)];
    await this.#operation('link', to);
    const inode = this.#names.get(from);
    if (inode === undefined) throw failure('ENOENT', 'link', from);
    if (this.#names.has(to)) throw failure('EEXIST', 'link', to);
    this.#change({ kind: 'set', path: to, inode });
  }

  async remove(given: string): Promise<void> {
    const path = posix.resolve('/', given);
    await this.#operation('remove', path);
    for (const each of [...this.#names.keys()]) if (each === path || each.startsWith(`${path}/`)) this.#change({ kind: 'remove', path: each });
  }

  async syncDirectory(given: string): Promise<void> {
    const path = posix.resolve('/', given);
    await this.#operation('syncDirectory', path);
    const concerns = (change: NameChange) => (change.kind === 'rename' ? [change.from, change.to] : [change.path]).some((each) => directoryOf(each) === path);
    for (const change of this.#changes) if (concerns(change)) apply(this.#stableNames, change);
    this.#changes = this.#changes.filter((change) => !concerns(change));
  }

  #file(inode: Inode, path: string): DiskFile {
    const start = this.#start;
    let position = 0;
    const operation = (name: DiskOperation) => (start === this.#start ? this.#operation(name, path) : new Promise<never>(() => undefined));
    return {
      write: async (data, at) => {
        const offset = at ?? (position === 0 ? inode.current.length : position);
        const fault = await operation('write').catch((error: unknown) => error as Error & { keepBytes?: number });
        const room = this.#options.capacityBytes - this.#usedBytes() + Math.max(0, inode.current.length - offset);
        const keep = fault === undefined ? Math.min(data.length, Math.max(0, room)) : Math.min(fault.keepBytes ?? 0, data.length);
        const grown = Buffer.alloc(Math.max(inode.current.length, offset + keep));
        inode.current.copy(grown);
        Buffer.from(data.buffer, data.byteOffset, keep).copy(grown, offset);
        inode.current = grown;
        position = offset + keep;
        if (fault !== undefined) throw fault;
        if (keep < data.length) throw failure('ENOSPC', 'write', path);
      },
      read: async (from, length) => {
        await operation('read');
        return Buffer.from(inode.current.subarray(from, from + length));
      },
      datasync: async () => {
        const written = inode.current;
        await operation('datasync');
        inode.stable = Buffer.from(written.length <= inode.current.length ? inode.current : written);
      },
      truncate: async (length) => {
        await operation('truncate');
        const cut = Buffer.alloc(length);
        inode.current.copy(cut, 0, 0, length);
        inode.current = cut;
      },
      size: async () => {
        await operation('read');
        return inode.current.length;
      },
      close: () => Promise.resolve(),
    };
  }

  /** Counts, and fails or never returns when it was told so. */
  async #operation(operation: DiskOperation, path: string): Promise<undefined> {
    this.operations += 1;
    this.counts[operation] += 1;
    await Promise.resolve();
    this.#powerLeft -= 1;
    if (this.#powerLeft < 0) {
      this.#announceCut();
      await new Promise<never>(() => undefined);
    }
    for (const fault of this.#faults) {
      if (fault.operation !== operation || !path.includes(fault.path ?? '')) continue;
      fault.nth -= 1;
      if (fault.nth === 0) throw Object.assign(failure(fault.code, operation, path), { keepBytes: fault.keepBytes });
    }
    return undefined;
  }

  /** Every sector that was not synced is old, new, or a part of each. */
  #settle(inode: Inode): void {
    const { sectorBytes, tornChance } = this.#options;
    const { current, stable } = inode;
    if (current.equals(stable)) return;
    const [short, long] = [Math.min(current.length, stable.length), Math.max(current.length, stable.length)];
    const length = short + Math.floor(this.#random.next() * (long - short + 1));
    const after = Buffer.alloc(length);
    for (let offset = 0; offset < length; offset += sectorBytes) {
      const end = Math.min(offset + sectorBytes, length);
      const isNew = this.#random.next() < 0.5;
      const isTorn = this.#random.next() < tornChance;
      const border = isTorn ? offset + Math.floor(this.#random.next() * (end - offset)) : end;
      copyRange(isNew ? current : stable, after, offset, border);
      copyRange(isNew ? stable : current, after, border, end);
    }
    inode.current = after;
    inode.stable = Buffer.from(after);
  }

  #change(change: NameChange): void {
    apply(this.#names, change);
    this.#changes.push(change);
  }

  #usedBytes(): number {
    let bytes = 0;
    for (const found of new Set(this.#names.values())) if (found !== 'directory') bytes += found.current.length;
    return bytes;
  }

  #awaitCut(): void {
    // Told when everything that still runs has come to its next operation, and with it to rest.
    this.powerCut = new Promise((resolve) => (this.#announceCut = () => void setImmediate(resolve)));
  }
}

function copyRange(from: Buffer, to: Buffer, start: number, end: number): void {
  if (start < from.length) from.copy(to, start, start, Math.min(end, from.length));
}

function apply(names: Map<string, Inode | 'directory'>, change: NameChange): void {
  if (change.kind === 'set') names.set(change.path, change.inode);
  else if (change.kind === 'remove') names.delete(change.path);
  else {
    names.set(change.to, change.inode);
    if (names.get(change.from) === change.inode) names.delete(change.from);
  }
}
