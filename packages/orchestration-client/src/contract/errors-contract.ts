import { z } from 'zod';

/** The body of every answer that is not 2xx. */
export const ErrorReply = z.looseObject({
  error: z.looseObject({
    /** A contract: callers branch on it. */
    code: z.string(),
    message: z.string(),
    /** The same id stands in the host's log, for answers of status 500. */
    errorId: z.string().optional(),
  }),
});
export type ErrorReply = z.output<typeof ErrorReply>;
