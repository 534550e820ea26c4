/** An open file. Every method rejects with the operating system's error (`code` is ENOSPC, EIO, ...). */
export interface DiskFile {
  /** Writes all of `data` at `position`, or at the end when opened for appending and no position is given. */
  write(data: Uint8Array, position?: number): Promise<void>;
  /** Reads up to `length` bytes at `position`; fewer only at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Returns when the data, and the size needed to read it back, are on stable storage (fdatasync). */
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Bytes in the file. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** `read`: must exist. `append`: created when absent, never truncated. `create`: must not exist. `write`: created or truncated. `update`: must exist, read and write in place. */
export type OpenMode = 'read' | 'append' | 'create' | 'write' | 'update';

export interface DiskStat {
  kind: 'file' | 'directory' | 'other';
  /** Bytes. */
  size: number;
  /** Milliseconds since the Unix epoch. */
  modifiedAt: number;
  /** Permission bits, such as 0o600; absent where the system has none. */
  permissions?: number;
}

/** The file system, as little of it as durable code needs. Paths are absolute or relative to the working directory. */
export interface Disk {
  open(path: string, mode: OpenMode, options?: { permissions?: number }): Promise<DiskFile>;
  readFile(path: string): Promise<Uint8Array>;
  /** Names in the directory, sorted. Rejects with ENOENT when it does not exist. */
  list(path: string): Promise<string[]>;
  /** Undefined when nothing is there. */
  stat(path: string): Promise<DiskStat | undefined>;
  makeDirectory(path: string, options?: { permissions?: number }): Promise<void>;
  /** Replaces `to` atomically. Durable after `syncDirectory` of the parent. */
  rename(from: string, to: string): Promise<void>;
  /** A second name for the same file; rejects with EEXIST when `to` exists: an atomic claim. */
  link(from: string, to: string): Promise<void>;
  /** Does nothing when the path is absent. */
  remove(path: string): Promise<void>;
  /** Makes created, renamed and removed names in the directory durable. */
  syncDirectory(path: string): Promise<void>;
}
