import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

/** The secrets that one agent may use. Values should be references, exactly `${NAME}`; a literal is accepted and warned about. */
export const SecretScopeConfig = z.strictObject({
  enabled: z.boolean().default(false).describe('Give the agent these secrets.'),
  secrets: z.record(z.string(), z.string()).default({}).describe('Secret name to `${NAME}` reference or literal value.'),
  defaultTtlMs: duration('s', { check: (schema) => schema.positive() }).optional().describe('Secrets expire after this time.'),
  ttls: z.record(z.string(), duration('s', { check: (schema) => schema.positive() })).default({}).describe('Expiry by secret name.'),
  revokeOnStop: z.boolean().default(true).describe('Forget every secret when the process stops.'),
});
export type SecretScopeConfig = z.output<typeof SecretScopeConfig>;
