import { z } from 'zod';

/** What stands between an agent and an action: nothing, a person's approval of each call, or the credential of an operator. */
export const ActionTierName = z.enum(['auto', 'confirm', 'admin']);
export type ActionTierName = z.output<typeof ActionTierName>;

const health = z.looseObject({ status: z.enum(['healthy', 'degraded', 'unhealthy']), error: z.string().optional() });
const action = z.looseObject({ name: z.string(), tier: ActionTierName, description: z.string().default(''), isReadOnly: z.boolean().default(false) });

/** A plugin of a host, or an MCP server with tiers. */
export const PluginReply = z.looseObject({
  /** What it is called in this host; its name, unless it is there several times. */
  id: z.string(),
  name: z.string(),
  version: z.string(),
  description: z.string().default(''),
  state: z.enum(['pending', 'setting_up', 'ready', 'unloaded']),
  /** Why it could not be loaded or set up; its next use tries again. */
  problem: z.string().optional(),
  /** Absent while it is not set up. */
  health: health.optional(),
  /** Empty while they are not known. */
  actions: z.array(action).default([]),
  /** The agents that may use it, and what each of them gets, with the tiers of its manifest. */
  usedBy: z.array(z.looseObject({ process: z.string(), actions: z.array(z.looseObject({ name: z.string(), tier: ActionTierName })).default([]) })).default([]),
});
export type PluginReply = z.output<typeof PluginReply>;

/** `POST /plugins/{id}/actions/{action}`. */
export const RunActionRequest = z.strictObject({
  params: z.record(z.string(), z.unknown()).default({}),
  /** Of a call that is made again: it is served what was recorded. */
  idempotencyKey: z.string().min(1).max(255).optional(),
  /** Who calls; kept in the journal. */
  by: z.string().min(1).max(200).optional(),
});
export type RunActionRequest = z.input<typeof RunActionRequest>;

/** What an action gave. */
export const RunActionReply = z.looseObject({
  success: z.boolean(),
  data: z.unknown().optional(),
  /** Why it did not succeed. */
  error: z.string().optional(),
});
export type RunActionReply = z.output<typeof RunActionReply>;

/** `GET /plugins`. */
export const PluginList = z.looseObject({ plugins: z.array(PluginReply), count: z.int() });
export type PluginList = z.output<typeof PluginList>;
