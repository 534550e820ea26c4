import { hash } from 'node:crypto';

import { ownCollection } from '@cortex-runtime/manifest';

/** Whose memories are meant. */
export interface MemoryOwner {
  processName: string;
  collection: string;
  userId: string;
}

/**
 * Name under which memories are kept: one safe file name, readable, and another for every other agent, shared collection or user. The collection `agent_memory` is
 * each agent's own; one of another name is the same for all agents.
 */
export function memoryScope({ processName, collection, userId }: MemoryOwner): string {
  const isOwn = collection === ownCollection;
  const name = isOwn ? processName : collection;
  const readable = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').slice(0, 60).replaceAll(/^-+|-+$/g, '') || 'memory';
  return `${readable}_${hash('sha256', JSON.stringify([isOwn ? 'agent' : 'shared', name, userId]), 'hex').slice(0, 16)}`;
}
