import { z } from 'zod';

/** `GET /mesh`: how the mesh is that the host is part of. */
export const MeshHealth = z.looseObject({
  /** Whether it answers. */
  ok: z.boolean(),
  /** Where it is: `memory`, within this host; `redis`, shared with other hosts. */
  kind: z.string().optional(),
  /** Milliseconds that its answer took. */
  latencyMs: z.number().optional(),
  /** Why it is not ok. */
  error: z.string().optional(),
});
export type MeshHealth = z.output<typeof MeshHealth>;

/** An agent that is known in the mesh, and where it runs. */
export const MeshAgentReply = z.looseObject({
  name: z.string(),
  /** Domains whose tasks it takes. */
  domains: z.array(z.string()).default([]),
  /** Domains for which it is named first. */
  primaryFor: z.array(z.string()).default([]),
  description: z.string().default(''),
  capabilities: z.array(z.string()).default([]),
  /** Whether a host has shown lately that it runs there; else its tasks wait until it comes back. */
  isPresent: z.boolean(),
  /** Hosts in which it runs, and how many tasks it works on in each. */
  instances: z.array(z.looseObject({ instanceId: z.string(), activeTasks: z.int().default(0) })).default([]),
});
export type MeshAgentReply = z.output<typeof MeshAgentReply>;

/** `GET /mesh/agents`: by name. */
export const MeshAgentList = z.looseObject({ agents: z.array(MeshAgentReply), count: z.int() });
export type MeshAgentList = z.output<typeof MeshAgentList>;
