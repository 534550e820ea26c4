/** What the HTTP API needs of the typed memory of a host. Documents are snake_case already. */
export interface ServedMemory {
  /** Proposals that wait for a person, oldest first. */
  proposals(): Promise<readonly object[]>;
  /** @throws an error with code MEMORY_PROPOSAL_NOT_FOUND, or MEMORY_PROPOSAL when it was rejected */
  accept(proposalId: string, options: { by: string }): Promise<object>;
  /** @throws an error with code MEMORY_PROPOSAL_NOT_FOUND, or MEMORY_PROPOSAL when it was accepted */
  reject(proposalId: string, options: { by: string; reason?: string }): Promise<object>;
  /** Entries of a category without their contents. @throws an error with code INVALID_INPUT when there is no such category */
  list(category: string): Promise<readonly object[]>;
  /** @throws an error with code MEMORY_FILE_NOT_FOUND */
  read(category: string, name: string): Promise<object>;
}
