import { z } from 'zod';

/** Where an escalation goes: an HTTP endpoint, an event on the event bus, or both. */
export const EscalationTarget = z
  .strictObject({
    webhookUrl: z
      .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
      .or(z.string().regex(/\$\{[A-Za-z_]/, 'must be an http or https URL'))
      .optional()
      .describe('HTTP endpoint that receives a JSON payload by POST; may hold ${NAME} references, as such URLs are often secrets.'),
    eventType: z.string().min(1).optional().describe('Event type to emit on the event bus.'),
  })
  .describe('Where escalation notifications are sent.');
export type EscalationTarget = z.output<typeof EscalationTarget>;
