import { z } from 'zod';

/** `GET /health`: the host is up. */
export const HealthReply = z.looseObject({
  status: z.literal('healthy'),
  processCount: z.int(),
  /** What an acknowledgement means: `standard`, synced to the journal's disk, or `memory`. */
  durability: z.enum(['standard', 'memory']),
  /** Whether the mesh answers; absent when the host is part of none. More of it: `GET /mesh`. */
  mesh: z.looseObject({ ok: z.boolean() }).optional(),
});
export type HealthReply = z.output<typeof HealthReply>;

/** `GET /ready`: whether the host has finished starting and is not draining. */
export const ReadyReply = z.looseObject({
  status: z.enum(['ready', 'starting', 'draining']),
});
export type ReadyReply = z.output<typeof ReadyReply>;
