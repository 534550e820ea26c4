import type { TypedMemoryCategory } from './memory-category.ts';
import type { MemoryVersion } from './memory-store.ts';
import { VersionedMemoryStore, type Head } from './versioned-memory-store.ts';

/** A memory store in this process, gone when the process ends. */
export class InMemoryMemoryStore extends VersionedMemoryStore {
  /** Oldest first, by `category/name`. */
  readonly #versions = new Map<string, MemoryVersion[]>();

  protected override async head(category: TypedMemoryCategory, name: string): Promise<Head | undefined> {
    const version = this.#versions.get(`${category}/${name}`)?.at(-1);
    return version === undefined ? undefined : { version: { ...version }, recorded: version.version };
  }

  protected override async claim(version: MemoryVersion): Promise<boolean> {
    const key = `${version.category}/${version.name}`;
    const versions = this.#versions.get(key) ?? [];
    if ((versions.at(-1)?.version ?? 0) >= version.version) return false;
    this.#versions.set(key, [...versions, { ...version }]);
    return true;
  }

  protected override async recorded(category: TypedMemoryCategory, name: string): Promise<MemoryVersion[]> {
    return (this.#versions.get(`${category}/${name}`) ?? []).map((version) => ({ ...version }));
  }

  protected override async heads(category: TypedMemoryCategory): Promise<MemoryVersion[]> {
    return [...this.#versions.values()].flatMap((versions) => versions.at(-1) ?? []).filter((version) => version.category === category);
  }

  protected override async forget(category: TypedMemoryCategory, name: string, upTo: number): Promise<void> {
    const key = `${category}/${name}`;
    const versions = this.#versions.get(key);
    if (versions !== undefined) this.#versions.set(key, versions.filter(({ version }) => version > upTo));
  }
}
