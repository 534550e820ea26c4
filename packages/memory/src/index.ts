export {
  CortexMemoryError,
  MemoryClosedError,
  MemoryFileNotFoundError,
  MemoryProposalError,
  MemoryProposalNotFoundError,
  MemoryReadError,
  MemoryVersionConflictError,
  MemoryWriteError,
} from './errors.ts';
export { isSafeTypedName, isTypedMemoryCategory, TypedMemoryCategory, typedMemoryCategories } from './memory-category.ts';
export { MemoryProvenance, type MemoryFile, type MemorySearchResult, type MemoryStore, type MemoryVersion, type MemoryWriteMode, type MemoryWriteOptions } from './memory-store.ts';
export { MemoryStoreOptions } from './versioned-memory-store.ts';
export { InMemoryMemoryStore } from './in-memory-memory-store.ts';
export { FileMemoryStore, FileMemoryStoreOptions } from './file/file-memory-store.ts';
export type { FolderEntry, RootedFolder } from './file/rooted-folder.ts';
export type { AddMemoryOptions, MemoryProvider, MemoryResult } from './memory-provider.ts';
export { renderMemoryFile, renderMemoryResult } from './render-memory.ts';
export { InMemoryMemoryOptions, InMemoryMemoryProvider } from './in-memory-memory-provider.ts';
export { FileMemoryProvider, FileMemoryProviderOptions } from './file/file-memory-provider.ts';
export { FileEmbeddingMemoryOptions, FileEmbeddingMemoryProvider } from './file/file-embedding-memory-provider.ts';
export { LexicalIndex } from './lexical-index.ts';
export { splitWords } from './split-words.ts';
export type { Embedder } from './embedding/embedder.ts';
export { EmbeddingMemoryOptions, EmbeddingMemoryProvider } from './embedding/embedding-memory-provider.ts';
export { AutoAcceptRule, MemoryPolicy } from './proposals/memory-policy.ts';
export { MemoryProposal, ProposalRecord, ProposalStatus, type ProposalStore } from './proposals/memory-proposal.ts';
export { MemoryProposals, type MemoryProposalsDeps, type ProposalOutcome } from './proposals/memory-proposals.ts';
export { InMemoryProposalStore } from './proposals/in-memory-proposal-store.ts';
export { FileProposalStore } from './proposals/file-proposal-store.ts';
