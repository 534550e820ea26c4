import { CortexError } from '@cortex-runtime/core';

/** Base of every error of a memory. */
export abstract class CortexMemoryError extends CortexError {}

/** A memory was used after it was closed. */
export class MemoryClosedError extends CortexMemoryError {
  readonly code = 'MEMORY_CLOSED';

  constructor(options?: ErrorOptions) {
    super('the memory is closed; open another one', options);
  }
}

/** There is no such entry, or it was deleted. */
export class MemoryFileNotFoundError extends CortexMemoryError {
  readonly code = 'MEMORY_FILE_NOT_FOUND';
  readonly category: string;
  readonly entryName: string;

  constructor(category: string, entryName: string, options?: ErrorOptions) {
    super(`there is no memory ${category}/${entryName}; list the category to see what there is`, options);
    this.category = category;
    this.entryName = entryName;
  }
}

/** What is stored could not be read: a failing disk or database, a file that is no memory, or a path that leads elsewhere. */
export class MemoryReadError extends CortexMemoryError {
  readonly code = 'MEMORY_READ_FAILED';
  /** `category/name`, or the category. */
  readonly entry: string;

  constructor(entry: string, problem: string, options?: ErrorOptions) {
    super(`the memory ${entry} can not be read: ${problem}`, options);
    this.entry = entry;
  }
}

/** Nothing was written, or it is not known to have reached stable storage. Writing again is safe: an `append` that went through after all shows in the content. */
export class MemoryWriteError extends CortexMemoryError {
  readonly code = 'MEMORY_WRITE_FAILED';
  readonly entry: string;

  constructor(entry: string, problem: string, options?: ErrorOptions) {
    super(`the memory ${entry} can not be written: ${problem}`, options);
    this.entry = entry;
  }
}

/** The entry is not at the version that the writer had read. Nothing was written. */
export class MemoryVersionConflictError extends CortexMemoryError {
  readonly code = 'MEMORY_VERSION_CONFLICT';
  readonly expectedVersion: number;
  /** 0 when there is no entry. */
  readonly version: number;

  constructor(entry: string, versions: { expected: number; found: number }, options?: ErrorOptions) {
    const found = versions.found === 0 ? 'does not exist' : `is at version ${versions.found}`;
    super(`the memory ${entry} ${found}, but version ${versions.expected} was expected: read it again and decide again`, options);
    this.expectedVersion = versions.expected;
    this.version = versions.found;
  }
}

/** There is no proposal of this id. */
export class MemoryProposalNotFoundError extends CortexMemoryError {
  readonly code = 'MEMORY_PROPOSAL_NOT_FOUND';
  readonly proposalId: string;

  constructor(proposalId: string, options?: ErrorOptions) {
    super(`the memory proposal ${proposalId} is not there; list what is pending`, options);
    this.proposalId = proposalId;
  }
}

/** Somebody has decided the proposal already, and otherwise. */
export class MemoryProposalError extends CortexMemoryError {
  readonly code = 'MEMORY_PROPOSAL';
  readonly proposalId: string;

  constructor(proposalId: string, problem: string, options?: ErrorOptions) {
    super(`the memory proposal ${proposalId} ${problem}`, options);
    this.proposalId = proposalId;
  }
}
