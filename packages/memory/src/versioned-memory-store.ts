import { CortexError, describeError, InvalidInputError, type Clock } from '@cortex-runtime/core';
import { z } from 'zod';

import { MemoryClosedError, MemoryFileNotFoundError, MemoryReadError, MemoryVersionConflictError, MemoryWriteError } from './errors.ts';
import { LexicalIndex } from './lexical-index.ts';
import { assertTypedCategory, assertTypedEntry, typedMemoryCategories, type TypedMemoryCategory } from './memory-category.ts';
import { MemoryProvenance, type MemoryFile, type MemorySearchResult, type MemoryStore, type MemoryVersion, type MemoryWriteMode, type MemoryWriteOptions } from './memory-store.ts';
import { assertLimit } from './search-limits.ts';

/** What every store bounds. */
export const MemoryStoreOptions = z.strictObject({
  /** Versions of an entry that are kept, the current one among them. */
  keepVersions: z.int().min(1).default(20),
  /** The longest content of an entry, in bytes of UTF-8. */
  maxContentBytes: z.int().min(1).default(256 * 1024),
});
export type MemoryStoreOptions = z.input<typeof MemoryStoreOptions>;

/** The newest version, and the one after which the next is written; they differ where the content was changed by other means than the store. */
export interface Head {
  version: MemoryVersion;
  /** The newest version that is recorded. */
  recorded: number;
}

/**
 * A memory store over versions that can be claimed: of all who write version n of an entry, exactly one succeeds. The others read again and write n + 1, so no
 * addition is lost and nothing has to be locked. What adapters differ in is below the line of abstract methods.
 */
export abstract class VersionedMemoryStore implements MemoryStore {
  protected readonly settings: z.output<typeof MemoryStoreOptions>;
  readonly #clock: Clock;
  readonly #index = new LexicalIndex();
  readonly #indexed = new Map<string, MemoryFile>();
  #isClosed = false;

  constructor(deps: { clock: Clock }, options: MemoryStoreOptions = {}) {
    this.#clock = deps.clock;
    this.settings = MemoryStoreOptions.parse(options);
  }

  /** The newest version, deletions included. */
  protected abstract head(category: TypedMemoryCategory, name: string): Promise<Head | undefined>;
  /** Records a version durably, unless its number is taken: then false. */
  protected abstract claim(version: MemoryVersion): Promise<boolean>;
  /** Versions that are kept, oldest first. */
  protected abstract recorded(category: TypedMemoryCategory, name: string): Promise<MemoryVersion[]>;
  /** The newest version of every entry of a category, deletions included. */
  protected abstract heads(category: TypedMemoryCategory): Promise<MemoryVersion[]>;
  /** Lets go of versions up to `version`. */
  protected abstract forget(category: TypedMemoryCategory, name: string, version: number): Promise<void>;

  async read(category: TypedMemoryCategory, name: string): Promise<MemoryFile> {
    const head = await this.#look(category, name);
    if (head === undefined || head.version.isDeleted) throw new MemoryFileNotFoundError(category, name);
    return toFile(head.version);
  }

  async exists(category: TypedMemoryCategory, name: string): Promise<boolean> {
    const head = await this.#look(category, name);
    return head !== undefined && !head.version.isDeleted;
  }

  async list(category: TypedMemoryCategory): Promise<MemoryFile[]> {
    this.#assertOpen();
    assertTypedCategory(category);
    const heads = await this.#reading(category, () => this.heads(category));
    return heads.filter(({ isDeleted }) => !isDeleted).map(toFile).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async versions(category: TypedMemoryCategory, name: string): Promise<MemoryVersion[]> {
    const head = await this.#look(category, name);
    const recorded = await this.#reading(`${category}/${name}`, () => this.recorded(category, name));
    return head !== undefined && head.version.version > head.recorded ? [...recorded, head.version] : recorded;
  }

  async write(category: TypedMemoryCategory, name: string, content: string, options: MemoryWriteOptions = {}): Promise<MemoryFile> {
    const mode = options.mode ?? 'overwrite';
    const { writeId } = options;
    const provenance = parseProvenance(writeId === undefined ? options.provenance : { ...options.provenance, writeId });
    assertText(content);
    const before = async () => (writeId === undefined ? undefined : (await this.recorded(category, name)).find((version) => version.provenance.writeId === writeId));
    const written = await this.#advance(category, name, { before, expectedVersion: options.expectedVersion }, (current, next) => {
      const joined = joinContent(mode, current === undefined || current.isDeleted ? undefined : current.content, content);
      const bytes = Buffer.byteLength(joined);
      if (bytes > this.settings.maxContentBytes) throw new InvalidInputError('content', `${category}/${name} would have ${bytes} bytes; at most ${this.settings.maxContentBytes} are kept in one entry: shorten it, or begin another`);
      return { ...next, content: joined, provenance, isDeleted: false };
    });
    return toFile(written as MemoryVersion);
  }

  async delete(category: TypedMemoryCategory, name: string, options: { provenance?: MemoryProvenance; forgetVersions?: boolean } = {}): Promise<boolean> {
    const provenance = parseProvenance(options.provenance);
    const deleted = await this.#advance(category, name, {}, (current, next) => (current === undefined || current.isDeleted ? undefined : { ...next, content: '', provenance, isDeleted: true }));
    if (options.forgetVersions === true) {
      const head = await this.#look(category, name);
      if (head !== undefined) await this.#writing(`${category}/${name}`, () => this.forget(category, name, head.recorded - 1));
    }
    return deleted !== undefined;
  }

  async search(query: string, options: { categories?: readonly TypedMemoryCategory[]; limit?: number } = {}): Promise<MemorySearchResult[]> {
    this.#assertOpen();
    const { categories = typedMemoryCategories, limit = 5 } = options;
    categories.forEach(assertTypedCategory);
    assertLimit(limit);
    return this.#reading(categories.join(', '), () => this.find(query, { categories, limit }));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#index.clear();
    this.#indexed.clear();
  }

  /** By the words of names and contents, ranked in this process; an adapter whose storage can search does so instead. */
  protected async find(query: string, { categories, limit }: { categories: readonly TypedMemoryCategory[]; limit: number }): Promise<MemorySearchResult[]> {
    for (const category of categories) await this.#refreshIndex(category);
    return this.#index
      .search(query)
      .flatMap(({ id, score }) => {
        const file = this.#indexed.get(id);
        return file !== undefined && categories.includes(file.category) ? [{ file: { ...file }, score }] : [];
      })
      .slice(0, limit);
  }

  async #refreshIndex(category: TypedMemoryCategory): Promise<void> {
    const files = await this.list(category);
    const gone = new Set([...this.#indexed].filter(([, file]) => file.category === category).map(([id]) => id));
    for (const file of files) {
      const id = `${category}/${file.name}`;
      gone.delete(id);
      if (this.#indexed.get(id)?.content !== file.content) this.#index.set(id, `${file.name} ${file.content}`);
      this.#indexed.set(id, file);
    }
    for (const id of gone) {
      this.#indexed.delete(id);
      this.#index.delete(id);
    }
  }

  /**
   * Writes the version that `change` makes of the newest one, again until its number was free; undefined when there is nothing to change.
   *
   * @param conditions.before - gives the version that this very write made when it was tried before
   */
  async #advance(
    category: TypedMemoryCategory,
    name: string,
    { before, expectedVersion }: { before?: () => Promise<MemoryVersion | undefined>; expectedVersion?: number | undefined },
    change: (current: MemoryVersion | undefined, next: Omit<MemoryVersion, 'content' | 'provenance' | 'isDeleted'>) => MemoryVersion | undefined,
  ): Promise<MemoryVersion | undefined> {
    this.#assertOpen();
    assertTypedEntry(category, name);
    const entry = `${category}/${name}`;
    for (;;) {
      const head = await this.#writing(entry, () => this.head(category, name));
      const made = before === undefined ? undefined : await this.#writing(entry, before);
      if (made !== undefined) return made;
      const current = head?.version;
      const found = current === undefined || current.isDeleted ? 0 : current.version;
      if (expectedVersion !== undefined && found !== expectedVersion) throw new MemoryVersionConflictError(entry, { expected: expectedVersion, found });
      const now = this.#clock.now();
      const createdAt = found === 0 || current === undefined ? now : current.createdAt;
      const version = change(current, { category, name, version: (current?.version ?? 0) + 1, createdAt, updatedAt: now });
      if (version === undefined) return undefined;
      const isWritten = await this.#writing(entry, async () => {
        if (head !== undefined && head.version.version > head.recorded && !(await this.claim(head.version))) return false;
        return this.claim(version);
      });
      if (!isWritten) continue; // somebody else was first: there is a newer version to start from
      await this.#writing(entry, () => this.forget(category, name, version.version - this.settings.keepVersions));
      return version;
    }
  }

  async #look(category: TypedMemoryCategory, name: string): Promise<Head | undefined> {
    this.#assertOpen();
    assertTypedEntry(category, name);
    return this.#reading(`${category}/${name}`, () => this.head(category, name));
  }

  #reading<T>(entry: string, read: () => Promise<T>): Promise<T> {
    return read().catch((error: unknown) => {
      throw CortexError.is(error) ? error : new MemoryReadError(entry, describeError(error), { cause: error });
    });
  }

  #writing<T>(entry: string, write: () => Promise<T>): Promise<T> {
    return write().catch((error: unknown) => {
      throw CortexError.is(error) ? error : new MemoryWriteError(entry, describeError(error), { cause: error });
    });
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new MemoryClosedError();
  }
}

/** Additions stand on lines of their own. */
function joinContent(mode: MemoryWriteMode, current: string | undefined, content: string): string {
  if (mode === 'overwrite' || current === undefined || current === '') return content;
  const [first, second] = mode === 'append' ? [current, content] : [content, current];
  return first === '' || first.endsWith('\n') ? first + second : `${first}\n${second}`;
}

function assertText(content: string): void {
  if (typeof content !== 'string') throw new InvalidInputError('content', `must be text, got ${typeof content}`);
  if (!content.isWellFormed()) throw new InvalidInputError('content', 'holds a lone surrogate, which UTF-8 can not carry');
  if (content.includes('\0')) throw new InvalidInputError('content', 'holds a NUL character, which text can not hold');
}

function parseProvenance(provenance: MemoryProvenance = {}): MemoryProvenance {
  const parsed = MemoryProvenance.safeParse(provenance);
  if (!parsed.success) throw new InvalidInputError(`provenance.${parsed.error.issues[0]?.path.join('.') ?? ''}`, parsed.error.issues[0]?.message ?? 'is not valid');
  return parsed.data;
}

function toFile({ isDeleted: _, ...file }: MemoryVersion): MemoryFile {
  return { ...file, provenance: { ...file.provenance } };
}
