import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

/** How urgent a task is. */
export const TaskPriorityName = z.enum(['low', 'normal', 'high', 'urgent']);
export type TaskPriorityName = z.output<typeof TaskPriorityName>;

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be 1 to 128 letters, digits, ".", "_" or "-" and start with a letter or digit');

/** `POST /tasks`: something that an agent is to do. Without `agent` and `domain` it is routed: by its @mentions, its thread, its domain. */
export const SubmitTaskRequest = z
  .strictObject({
    text: z.string().max(1_000_000).regex(/\S/, 'must say what is to be done'),
    /** A task is taken once under its id; made by the host when left out. */
    taskId: z.string().regex(/^[A-Za-z0-9][!-~]{0,199}$/, 'must be 1 to 200 visible ASCII characters and start with a letter or digit').optional(),
    /** For this agent alone. */
    agent: name.optional(),
    /** For any agent of this domain. */
    domain: name.optional(),
    priority: TaskPriorityName.optional(),
    /** Who asks, for people. */
    sender: z.string().min(1).max(200).optional(),
    /** Who asks, for machines. */
    senderId: z.string().min(1).max(400).optional(),
    /** Tasks of one thread go to one agent, which knows what was said before. */
    threadId: z.string().min(1).max(400).optional(),
    /** Passed on to the agent; any JSON. */
    metadata: z.record(z.string(), z.unknown()).optional(),
  })
  .refine(({ agent, domain }) => agent === undefined || domain === undefined, { path: ['domain'], message: 'goes without "agent": a task is for one agent or for any agent of a domain; leave one of them out' });
export type SubmitTaskRequest = z.input<typeof SubmitTaskRequest>;

/** Status 202 only once the task is on the bus. */
export const SubmitTaskReply = z.looseObject({
  /** `duplicate`: it had been handed in before, and nothing is done twice. */
  status: z.enum(['accepted', 'duplicate']),
  taskId: z.string(),
  stream: z.string(),
  /** Id of its entry on the stream. */
  msgId: z.string(),
  /** Who it was sent to; null when any agent of the domain may take it. */
  agent: z.string().nullable(),
  domain: z.string().nullable(),
  /** Why it went there: `agent`, `domain`, the rule by which it was routed, or `claim`: it had been handed in before. */
  rule: z.string(),
});
export type SubmitTaskReply = z.output<typeof SubmitTaskReply>;

/** What a host waits for a result with one request. */
const longestWaitMs = 300_000;

/** Query of `GET /tasks/{task_id}`. */
export const TaskResultRequest = z.strictObject({
  /** How long to wait for a result that is not there yet. */
  waitMs: duration('s', { check: (schema) => schema.min(0).max(longestWaitMs, 'must be at most 300 s; ask again for longer') }).default(0),
});
export type TaskResultRequest = z.input<typeof TaskResultRequest>;

const reference = z.string().nullable().default(null);
const amount = z.number().nullable().default(null);

/** The outcome of a task: there is one for each. */
export const TaskResult = z.looseObject({
  taskId: z.string(),
  agent: z.string().default(''),
  status: z.enum(['success', 'failure']),
  /** What the agent said; with a failure, as far as it came. */
  responseText: reference,
  /** Why it failed. */
  error: reference,
  /** Code of the failure: `DISPATCH_TIMEOUT`, `DISPATCH_CANCELLED` … */
  errorCode: reference,
  durationMs: duration('s', { name: 'duration_seconds' }).nullable().default(null),
  costUsd: amount,
  inputTokens: amount,
  outputTokens: amount,
  modelUsed: reference,
  domain: z.string().default(''),
  /** Attempts that were made, the last included. */
  attempts: amount,
});
export type TaskResult = z.output<typeof TaskResult>;

/** `GET /tasks/{task_id}`: status 200 with the result, 202 while there is none. */
export const TaskResultReply = z.discriminatedUnion('status', [
  z.looseObject({ status: z.literal('done'), taskId: z.string(), result: TaskResult }),
  z.looseObject({ status: z.literal('pending'), taskId: z.string() }),
]);
export type TaskResultReply = z.output<typeof TaskResultReply>;

/** `DELETE /tasks/{task_id}`. */
export const CancelTaskRequest = z.strictObject({
  /** Stands in the result. */
  reason: z.string().min(1).max(2_000).optional(),
  /** Who takes it back. */
  by: z.string().min(1).max(200).optional(),
});
export type CancelTaskRequest = z.input<typeof CancelTaskRequest>;

export const CancelTaskReply = z.looseObject({
  taskId: z.string(),
  /** Nobody begins it any more. False: it has its outcome, or its agent was asked to stop. */
  cancelled: z.boolean(),
});
export type CancelTaskReply = z.output<typeof CancelTaskReply>;
