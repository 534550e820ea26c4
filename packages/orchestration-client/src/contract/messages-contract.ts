import { z } from 'zod';

/** `POST /events`: tells everybody who listens now. */
export const EmitEventRequest = z.strictObject({
  /** What kind of thing happened: `order.paid`. */
  eventType: z.string().max(200).regex(/^[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*$/, 'must be words of letters, digits, "_", "-" and ":" separated by dots, such as order.paid'),
  /** What happened; any JSON. */
  data: z.unknown().default({}),
  /** Who says so. */
  source: z.string().min(1).max(200).default('operator'),
  /** A listener that saw it lately does not see it again; made by the host when left out. */
  eventId: z.string().min(1).max(256).optional(),
});
export type EmitEventRequest = z.input<typeof EmitEventRequest>;

export const EmitEventReply = z.looseObject({ eventId: z.string() });
export type EmitEventReply = z.output<typeof EmitEventReply>;

/** `POST /topics/{topic}/messages`: for everybody who has subscribed, also while they are away. */
export const PublishMessageRequest = z.strictObject({
  /** What is said; any JSON. */
  content: z.unknown().refine((content) => content !== undefined, 'is required'),
  sender: z.string().min(1).max(200).default('operator'),
  /** Published twice under one id it is there once; made by the host when left out. */
  messageId: z.string().min(1).max(255).optional(),
  /** The conversation that it belongs to. */
  session: z.record(z.string(), z.unknown()).optional(),
});
export type PublishMessageRequest = z.input<typeof PublishMessageRequest>;

/** Status 202 only once the message is on the bus. */
export const PublishMessageReply = z.looseObject({ messageId: z.string() });
export type PublishMessageReply = z.output<typeof PublishMessageReply>;
