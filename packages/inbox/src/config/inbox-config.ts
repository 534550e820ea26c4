import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

/** The inbox through which people talk to a running agent. */
export const InboxConfig = z.strictObject({
  enabled: z.boolean().default(false).describe('Let people send messages and questions to this agent.'),
  maxMessages: z.int().positive().default(50).describe('Messages held at once.'),
  maxMessageLength: z.int().positive().default(2_000).describe('Characters in one message.'),
  defaultTtlMs: duration('s').default(3_600_000).describe('A message expires after this time; 0 is never.'),
  maxTtlMs: duration('s').default(86_400_000).describe('The longest expiry a sender may ask for.'),
  rateLimitPerSender: z.int().positive().default(20).describe('Messages per sender and hour.'),
  scanWithGuardrails: z.boolean().default(true).describe('Scan messages for prompt injection.'),
});
export type InboxConfig = z.output<typeof InboxConfig>;
