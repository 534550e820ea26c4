/** A file in a listing. */
export interface FolderEntry {
  name: string;
  kind: 'file' | 'directory' | 'other';
  /** Milliseconds since the Unix epoch. */
  modifiedAt: number;
  /** Bytes. */
  size: number;
}

/**
 * A folder that nothing leads out of. A path is a list of names below the folder; no symbolic link on the way is followed, also not one that is put there while
 * the call runs. Every method rejects with the operating system's error; ELOOP and ENOTDIR say that something on the way is no folder of ours.
 */
export interface RootedFolder {
  /** The whole file; undefined when it, or a folder on the way, is absent. Rejects with EFBIG when it has more than `maxBytes`. */
  read(path: readonly string[], maxBytes: number): Promise<Uint8Array | undefined>;
  /** What is in a folder, by name; nothing when it is absent. */
  list(path: readonly string[]): Promise<FolderEntry[]>;
  /** Makes or replaces a file; it is whole and on stable storage, or as it was. */
  replace(path: readonly string[], content: Uint8Array): Promise<void>;
  /** Makes a file that must not exist, whole and on stable storage; false when it exists. Of many who claim a name exactly one succeeds. */
  claim(path: readonly string[], content: Uint8Array): Promise<boolean>;
  /** Does nothing when it is absent. */
  remove(path: readonly string[]): Promise<void>;
}
