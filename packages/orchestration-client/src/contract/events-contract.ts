import { z } from 'zod';

/** `POST /processes/{name}/events`: wakes an agent by hand. */
export const InjectRequest = z.strictObject({
  /** What happened; any JSON. */
  payload: z.unknown().refine((payload) => payload !== undefined, 'is required'),
  triggerType: z.string().min(1).max(64).default('inject'),
  /** The mailbox takes each id once; made by the host when left out. */
  eventId: z.string().min(1).max(256).optional(),
});
export type InjectRequest = z.input<typeof InjectRequest>;

/** Status 202 only once the event is durable; 200 when it had been taken before. */
export const InjectReply = z.looseObject({
  status: z.enum(['accepted', 'duplicate']),
  eventId: z.string(),
  process: z.string(),
});
export type InjectReply = z.output<typeof InjectReply>;

/** `GET /processes/{name}/dead-letters`: events that were given up. */
export const DeadLetterList = z.looseObject({
  name: z.string(),
  deadLetters: z.array(z.looseObject({
    eventId: z.string(),
    reason: z.string(),
    error: z.string().optional(),
    attempts: z.int().default(0),
    deadLetteredAt: z.string().optional(),
    event: z.record(z.string(), z.unknown()).optional(),
  })),
  count: z.int(),
});
export type DeadLetterList = z.output<typeof DeadLetterList>;

/** `POST /processes/{name}/dead-letters/redeliver`: all of them, or one. */
export const RedeliverRequest = z.strictObject({ eventId: z.string().min(1).max(256).optional() });
export type RedeliverRequest = z.input<typeof RedeliverRequest>;

export const RedeliverReply = z.looseObject({ name: z.string(), redelivered: z.array(z.string()) });
export type RedeliverReply = z.output<typeof RedeliverReply>;

/** `DELETE /processes/{name}/dead-letters`. */
export const ClearDeadLettersReply = z.looseObject({ name: z.string(), cleared: z.int() });
export type ClearDeadLettersReply = z.output<typeof ClearDeadLettersReply>;
