import { z } from 'zod';

/** What a person says about an effect whose outcome is unknown. */
export const EffectResolution = z.enum(['happened', 'not-happened', 'retry']);
export type EffectResolution = z.output<typeof EffectResolution>;

/** `GET /processes/{name}/effects`: effects that wait for a person. */
export const WaitingEffectList = z.looseObject({
  name: z.string(),
  effects: z.array(z.looseObject({
    effectId: z.string(),
    runId: z.string(),
    eventId: z.string().optional(),
    tool: z.string(),
    args: z.unknown(),
    /** ISO 8601. */
    since: z.string().optional(),
    reason: z.string().optional(),
  })),
  count: z.int(),
});
export type WaitingEffectList = z.output<typeof WaitingEffectList>;

/** `POST /processes/{name}/effects/{effect_id}/resolve`. */
export const ResolveRequest = z.strictObject({
  resolution: EffectResolution,
  /** What the effect gave, for `happened`; any JSON. */
  result: z.unknown().optional(),
  /** Who says so; kept in the journal. */
  by: z.string().min(1).max(200).optional(),
});
export type ResolveRequest = z.input<typeof ResolveRequest>;

export const ResolveReply = z.looseObject({ name: z.string(), effectId: z.string(), resolution: EffectResolution });
export type ResolveReply = z.output<typeof ResolveReply>;
