import { z } from 'zod';

import type { TypedMemoryCategory } from './memory-category.ts';

const fact = () => z.string().min(1).max(500).refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be well-formed text').optional();

/** Where a memory comes from: who wrote it, in which run, and what it was learnt from. It stays with the version for good. */
export const MemoryProvenance = z.strictObject({
  /** The agent that wrote it. */
  agent: fact(),
  /** The run in which it was written. */
  runId: fact(),
  /** What it was learnt from: a message id, a URL, `edited by hand`. */
  source: fact(),
  /** The proposal that was accepted. */
  proposalId: fact(),
  /** Who accepted it: a person, or `policy`. */
  acceptedBy: fact(),
  /** The write that made it; see `MemoryWriteOptions.writeId`. */
  writeId: fact(),
});
export type MemoryProvenance = z.input<typeof MemoryProvenance>;

/** `overwrite` replaces the content; `append` and `prepend` add to it on a line of its own. All of them create what is not there. */
export type MemoryWriteMode = 'overwrite' | 'append' | 'prepend';

/** One entry of a memory, at one version. */
export interface MemoryFile {
  category: TypedMemoryCategory;
  name: string;
  /** Markdown. */
  content: string;
  /** 1 for the first; grows with every write and deletion, and never starts again. */
  version: number;
  /** When the entry was first written: milliseconds since the Unix epoch. */
  createdAt: number;
  /** When this version was written. */
  updatedAt: number;
  /** Of this version. What an `append` added to has its own, in the versions before. */
  provenance: MemoryProvenance;
}

/** A version as it is stored: also a deletion is one. */
export interface MemoryVersion extends MemoryFile {
  /** The version records that the entry was deleted; its content is empty. */
  isDeleted: boolean;
}

/** An entry that a search found. */
export interface MemorySearchResult {
  file: MemoryFile;
  /** Relevance, above 0 and at most 1. */
  score: number;
}

export interface MemoryWriteOptions {
  /** Default `overwrite`. */
  mode?: MemoryWriteMode;
  provenance?: MemoryProvenance;
  /** Write only when the entry is at this version; 0: only when it does not exist. */
  expectedVersion?: number;
  /** Names this write: of those with one id the first is made, and the others give what it made, as long as its version is kept. */
  writeId?: string;
}

/**
 * Named memories in six categories.
 *
 * Guarantees, of every adapter: a write is whole or not there, and durable when it returns (as far as the adapter is durable); writers do not lose each other's
 * additions, whatever process they are in; the newest `keepVersions` versions are kept, each with its provenance.
 */
export interface MemoryStore {
  /** @throws MemoryFileNotFoundError when there is no such entry */
  read(category: TypedMemoryCategory, name: string): Promise<MemoryFile>;
  /**
   * @returns the entry as it is now
   * @throws InvalidInputError when the name is not safe, or the content is not well-formed text or becomes too long
   * @throws MemoryVersionConflictError when the entry is not at `expectedVersion`
   */
  write(category: TypedMemoryCategory, name: string, content: string, options?: MemoryWriteOptions): Promise<MemoryFile>;
  /** Entries of a category, by name. */
  list(category: TypedMemoryCategory): Promise<MemoryFile[]>;
  /** Its versions are kept, unless `forgetVersions`: then nothing of its content remains. @returns whether it was there */
  delete(category: TypedMemoryCategory, name: string, options?: { provenance?: MemoryProvenance; forgetVersions?: boolean }): Promise<boolean>;
  exists(category: TypedMemoryCategory, name: string): Promise<boolean>;
  /** The versions that are kept, deletions among them, oldest first; none when there never was such an entry. */
  versions(category: TypedMemoryCategory, name: string): Promise<MemoryVersion[]>;
  /** Entries whose name or content holds words of the query, most relevant first; at most `limit` (5 when left out). */
  search(query: string, options?: { categories?: readonly TypedMemoryCategory[]; limit?: number }): Promise<MemorySearchResult[]>;
  /** Safe to call twice; every other method then rejects with MemoryClosedError. */
  close(): Promise<void>;
}
