import { StreamChunkKind } from '@cortex-runtime/core';
import { z } from 'zod';

/** One `data` of `GET /processes/{name}/stream` (event `chunk`): a piece of a run while it happens. */
export const StreamUpdate = z.looseObject({
  process: z.string(),
  runId: z.string(),
  eventId: z.string(),
  kind: z.enum(StreamChunkKind),
  data: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
export type StreamUpdate = z.output<typeof StreamUpdate>;
