import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

/** How much of a conversation is shown as it was said, and when the rest is summed up. A turn is a message of the transcript, whoever wrote it. */
export const SessionConfig = z
  .strictObject({
    memoryBasePath: z.string().min(1).default('~/.cortex/memory').describe('Folder of the memories that belong to a domain, for programs that open it themselves; the host takes CORTEX_MEMORY_PATH, or the folder memory of its data directory.'),
    hotWindowSize: z.int().min(1).max(1_000).default(20).describe('Newest turns that are kept verbatim.'),
    warmSummaryThreshold: z.int().min(2).max(10_000).default(50).describe('Turns without a summary after which all but the hot ones are summed up.'),
    maxSummaryChars: z.int().min(200).max(100_000).default(4_000).describe('The longest warm summary, in characters.'),
    recallLimit: z.int().min(0).max(50).default(3).describe('Turns that are looked up in the cold tier for a prompt.'),
    syntheticThreadTtlMs: duration('s', { name: 'synthetic_thread_ttl_seconds', check: (schema) => schema.min(1_000) }).default(3_600_000).describe('Inactivity after which a message without a thread begins a new session.'),
    idleAfterMs: duration('s', { check: (schema) => schema.min(1_000) }).default(1_800_000).describe('Inactivity after which an active session is marked idle.'),
    keyPrefix: z.string().min(1).max(200).default('cortex:session').describe('Prefix of the keys in Redis; the host takes it from the keyspace.'),
  })
  .refine(({ hotWindowSize, warmSummaryThreshold }) => warmSummaryThreshold > hotWindowSize, { path: ['warmSummaryThreshold'], message: 'must be above hotWindowSize, or there is nothing to sum up' });
export type SessionConfig = z.input<typeof SessionConfig>;
/** Complete configuration. */
export type SessionSettings = z.output<typeof SessionConfig>;
