import { z } from 'zod';

/** How much of an agent's life its journal keeps. */
export const JournalLevel = {
  /** Nothing outlives the process. */
  NONE: 'none',
  /** Events, results and state: nothing accepted is lost, an interrupted run starts again from its beginning. */
  CHECKPOINT: 'checkpoint',
  /** Also every effect: an interrupted run goes on where it was. */
  FULL: 'full',
} as const;
export type JournalLevel = (typeof JournalLevel)[keyof typeof JournalLevel];

/** Which journal an agent has. */
export const JournalConfig = z.strictObject({
  level: z.enum(JournalLevel).default('full').describe('none: memory only; checkpoint: events, results and state; full: every effect.'),
  backend: z.enum(['file', 'memory']).default('file').describe('Where entries are kept.'),
  path: z.string().min(1).optional().describe("Directory of the file backend; the host's data directory when left out."),
});
export type JournalConfig = z.output<typeof JournalConfig>;
