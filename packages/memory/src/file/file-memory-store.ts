import type { Clock } from '@cortex-runtime/core';
import { z } from 'zod';

import { isSafeTypedName, type TypedMemoryCategory } from '../memory-category.ts';
import type { MemoryVersion } from '../memory-store.ts';
import { MemoryStoreOptions, VersionedMemoryStore, type Head } from '../versioned-memory-store.ts';
import { formatMemoryDocument, parseMemoryDocument } from './memory-document.ts';
import type { FolderEntry, RootedFolder } from './rooted-folder.ts';

/** What the file store bounds. */
export const FileMemoryStoreOptions = z.strictObject({
  ...MemoryStoreOptions.shape,
  /** Milliseconds that the number of a forgotten version stays taken, so that a writer that was stopped for long can not use it a second time. */
  numberKeptMs: z.int().min(0).default(3_600_000),
});
export type FileMemoryStoreOptions = z.input<typeof FileMemoryStoreOptions>;

const versionsFolder = '.versions';
const frontMatterBytes = 16 * 1024;
const readsAtOnce = 8;
/** Some file systems count time in steps of two seconds. */
const settledMs = 2_500;
const versionFilePattern = /^([1-9][0-9]{0,14})\.md$/;

/**
 * Memories as Markdown: `<category>/<name>.md` is what people read and edit, `.versions/<category>/<name>/<n>.md` are the versions.
 *
 * The versions are the truth. A write claims the next number, which exactly one writer gets, then puts a copy in place of the readable file. A crash in between
 * leaves an older version there, which is known by its bytes and passed over. A readable file that is no recorded version was edited by hand: it counts as a version
 * of its own, from `edited by hand`, and is recorded by the next write. Remove entries with `delete`: a readable file that is missing comes back.
 */
export class FileMemoryStore extends VersionedMemoryStore {
  readonly #folder: RootedFolder;
  readonly #clock: Clock;
  readonly #numberKeptMs: number;
  readonly #maxFileBytes: number;
  /** By `category/name`, with what tells that nothing has changed since. */
  readonly #knownHeads = new Map<string, { stamp: string; version: MemoryVersion }>();

  /** @param deps.folder - the base path, such as `nodeRootedFolder(path)` of `@cortex-runtime/memory/node` */
  constructor(deps: { folder: RootedFolder; clock: Clock }, options: FileMemoryStoreOptions = {}) {
    const { numberKeptMs, ...shared } = FileMemoryStoreOptions.parse(options);
    super(deps, shared);
    this.#folder = deps.folder;
    this.#clock = deps.clock;
    this.#numberKeptMs = numberKeptMs;
    this.#maxFileBytes = shared.maxContentBytes + frontMatterBytes;
  }

  protected override async head(category: TypedMemoryCategory, name: string): Promise<Head | undefined> {
    const view = await this.#readBytes([category, `${name}.md`]); // before the versions: whoever wrote it had claimed its number before
    const numbers = await this.#numbers(category, name);
    const recorded = numbers.at(-1) ?? 0;
    const newestBytes = recorded === 0 ? undefined : await this.#readBytes(versionPath(category, name, recorded));
    const newest = readVersion({ category, name, number: recorded }, newestBytes);
    if (recorded > 0 && newest === undefined) return this.head(category, name); // a newer one was written, and this one forgotten
    const isEqual = view !== undefined && newestBytes !== undefined && Buffer.compare(view, newestBytes) === 0;
    if (view !== undefined && !isEqual && !(await this.#isRecorded(view, { category, name, numbers }))) {
      return { version: this.#editedByHand(view, { category, name, newest, recorded }), recorded };
    }
    return newest === undefined ? undefined : { version: newest, recorded };
  }

  protected override async claim(version: MemoryVersion): Promise<boolean> {
    const { category, name } = version;
    const bytes = Buffer.from(formatMemoryDocument(version));
    if (!(await this.#folder.claim(versionPath(category, name, version.version), bytes))) return false;
    await this.#showNewest(category, name, version);
    return true;
  }

  protected override async recorded(category: TypedMemoryCategory, name: string): Promise<MemoryVersion[]> {
    const versions: MemoryVersion[] = [];
    for (const number of await this.#numbers(category, name)) {
      const version = await this.#readVersion(category, name, number);
      if (version !== undefined) versions.push(version);
    }
    return versions;
  }

  protected override async heads(category: TypedMemoryCategory): Promise<MemoryVersion[]> {
    const stamps = new Map<string, { stamp: string; changedAt: number }>();
    const note = (name: string, { modifiedAt, size }: FolderEntry) => {
      const { stamp = '', changedAt = 0 } = stamps.get(name) ?? {};
      if (isSafeTypedName(name)) stamps.set(name, { stamp: `${stamp} ${modifiedAt}:${size}`, changedAt: Math.max(changedAt, modifiedAt) });
    };
    for (const entry of await this.#folder.list([category])) if (entry.kind === 'file' && entry.name.endsWith('.md')) note(entry.name.slice(0, -3), entry);
    for (const entry of await this.#folder.list([versionsFolder, category])) if (entry.kind === 'directory') note(entry.name, entry);
    const heads: MemoryVersion[] = [];
    const names = [...stamps.keys()];
    for (let from = 0; from < names.length; from += readsAtOnce) {
      const read = await Promise.all(names.slice(from, from + readsAtOnce).map((name) => this.#knownHead(category, name, stamps.get(name) ?? { stamp: '', changedAt: 0 })));
      heads.push(...read.filter((version) => version !== undefined));
    }
    return heads;
  }

  protected override async forget(category: TypedMemoryCategory, name: string, upTo: number): Promise<void> {
    for (const { number, file } of await this.#versionFiles(category, name)) {
      if (number > upTo) break;
      const path = versionPath(category, name, number);
      if (file.size > 0) await this.#folder.replace(path, new Uint8Array());
      else if (this.#clock.now() - file.modifiedAt > this.#numberKeptMs) await this.#folder.remove(path);
    }
  }

  /** The newest version, read again only when a file has changed since, or so lately that the next change might not show in its time. */
  async #knownHead(category: TypedMemoryCategory, name: string, { stamp, changedAt }: { stamp: string; changedAt: number }): Promise<MemoryVersion | undefined> {
    const entry = `${category}/${name}`;
    const known = this.#knownHeads.get(entry);
    if (known?.stamp === stamp) return known.version;
    const isSettled = this.#clock.now() - changedAt > settledMs;
    const version = (await this.head(category, name))?.version;
    if (isSettled && version !== undefined) this.#knownHeads.set(entry, { stamp, version });
    else this.#knownHeads.delete(entry);
    return version;
  }

  /** Puts the newest version where people look, also when others have written since. */
  async #showNewest(category: TypedMemoryCategory, name: string, written: MemoryVersion): Promise<void> {
    for (let shown: MemoryVersion = written; ; ) {
      const path = [category, `${name}.md`];
      if (shown.isDeleted) await this.#folder.remove(path);
      else await this.#folder.replace(path, Buffer.from(formatMemoryDocument(shown)));
      const newest = (await this.#numbers(category, name)).at(-1) ?? 0;
      if (newest <= shown.version) return;
      const version = await this.#readVersion(category, name, newest);
      if (version !== undefined) shown = version;
    }
  }

  async #isRecorded(view: Uint8Array, entry: { category: TypedMemoryCategory; name: string; numbers: readonly number[] }): Promise<boolean> {
    const { version } = parseMemoryDocument(decode(view));
    if (version === undefined) return false;
    const [oldest = 0, newest = 0] = [entry.numbers[0], entry.numbers.at(-1)];
    if (version < oldest) return true; // what a crash left behind long ago; its version is forgotten
    if (version > newest) return false;
    const bytes = await this.#readBytes(versionPath(entry.category, entry.name, version));
    return bytes === undefined || bytes.length === 0 || Buffer.compare(bytes, view) === 0;
  }

  #editedByHand(view: Uint8Array, { category, name, newest, recorded }: { category: TypedMemoryCategory; name: string; newest: MemoryVersion | undefined; recorded: number }): MemoryVersion {
    const { content } = parseMemoryDocument(decode(view));
    const now = this.#clock.now();
    const createdAt = newest === undefined || newest.isDeleted ? now : newest.createdAt;
    return { category, name, content, version: recorded + 1, createdAt, updatedAt: now, provenance: { source: 'edited by hand' }, isDeleted: false };
  }

  /** Undefined when it is not there or forgotten. */
  async #readVersion(category: TypedMemoryCategory, name: string, number: number): Promise<MemoryVersion | undefined> {
    return readVersion({ category, name, number }, await this.#readBytes(versionPath(category, name, number)));
  }

  /** Numbers of the versions that are kept, in order. */
  async #numbers(category: TypedMemoryCategory, name: string): Promise<number[]> {
    return (await this.#versionFiles(category, name)).filter(({ file }) => file.size > 0).map(({ number }) => number);
  }

  async #versionFiles(category: TypedMemoryCategory, name: string): Promise<{ number: number; file: FolderEntry }[]> {
    const files = await this.#folder.list([versionsFolder, category, name]);
    return files
      .flatMap((file) => {
        const number = versionFilePattern.exec(file.name)?.[1];
        return number === undefined || file.kind !== 'file' ? [] : [{ number: Number(number), file }];
      })
      .sort((a, b) => a.number - b.number);
  }

  #readBytes(path: readonly string[]): Promise<Uint8Array | undefined> {
    return this.#folder.read(path, this.#maxFileBytes);
  }
}

const versionPath = (category: TypedMemoryCategory, name: string, number: number): string[] => [versionsFolder, category, name, `${number}.md`];

/** Undefined when there are no bytes, or none any more. */
function readVersion({ category, name, number }: { category: TypedMemoryCategory; name: string; number: number }, bytes: Uint8Array | undefined): MemoryVersion | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  const { content, createdAt = 0, updatedAt = createdAt, provenance = {}, isDeleted = false } = parseMemoryDocument(decode(bytes));
  return { category, name, content, version: number, createdAt, updatedAt, provenance, isDeleted };
}

/** A file edited by hand may hold anything; what is no UTF-8 is shown as such and not lost before somebody writes. */
const decode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8').replaceAll('\0', '\uFFFD');
