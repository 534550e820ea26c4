import { z } from 'zod';

/** Query of `GET /processes/{name}/journal`: the newest entries unless `direction` is `forward`. */
export const JournalRequest = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  /** One entry type, or several separated by commas. */
  type: z.string().min(1).max(500).optional(),
  /** Only entries after this one. */
  sinceSeq: z.coerce.number().int().min(0).optional(),
  direction: z.enum(['forward', 'backward']).default('backward'),
});
export type JournalRequest = { limit?: number; type?: string; sinceSeq?: number; direction?: 'forward' | 'backward' };

export const JournalEntryReply = z.looseObject({
  seq: z.int(),
  id: z.string(),
  processId: z.string(),
  timestamp: z.string(),
  entryType: z.string(),
  runId: z.string().optional(),
  cause: z.array(z.string()).optional(),
  data: z.record(z.string(), z.unknown()),
  hash: z.string(),
});
export type JournalEntryReply = z.output<typeof JournalEntryReply>;

export const JournalReply = z.looseObject({
  name: z.string(),
  /** In order of `seq`. */
  entries: z.array(JournalEntryReply),
  count: z.int(),
  journalEnabled: z.boolean().default(true),
});
export type JournalReply = z.output<typeof JournalReply>;
