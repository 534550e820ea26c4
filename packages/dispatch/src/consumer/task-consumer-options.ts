import { InvalidInputError } from '@cortex-runtime/core';
import { z } from 'zod';

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be 1 to 128 letters, digits, ".", "_" or "-" and start with a letter or digit');
const domain = name.refine((given) => given !== 'agent', 'is where tasks of single agents are kept; give the domain another name');

/** How an agent takes and answers tasks. */
export const TaskConsumerOptions = z.strictObject({
  /** Name of the agent: what is sent to it alone, and how its answers are signed. */
  identity: name,
  /** Domains whose tasks it takes as well. */
  domains: z.array(domain).default([]),
  /** Domains for which it is named first. */
  primaryFor: z.array(domain).default([]),
  description: z.string().max(2_000).default(''),
  /** Tasks worked on at once. */
  concurrency: z.int().min(1).max(10_000).default(1),
  /** Milliseconds after which a task is cut off and has failed; 0 for never. */
  taskTimeoutMs: z.number().min(0).default(2_700_000),
  /** Milliseconds that an agent has to clean up when it is cut off, before nobody waits for it any more. */
  cleanupMs: z.number().min(0).default(2_000),
  /** Milliseconds that `stop` waits for tasks under way. */
  drainMs: z.number().min(0).default(10_000),
  /** Results that the stream of results keeps while nobody reads it, at least. */
  resultsKept: z.int().min(0).default(3_000),
  /** Handed to the agent. */
  workingDirectory: z.string().optional(),
  /** Name for people; the identity when left out. */
  agentLabel: z.string().min(1).max(200).optional(),
  consumerGroup: z.string().min(1).default('cortex-agents'),
});
export type TaskConsumerOptions = z.input<typeof TaskConsumerOptions>;
export type TaskConsumerSettings = z.output<typeof TaskConsumerOptions>;

/**
 * What the environment says: `CORTEX_IDENTITY`, and `CORTEX_TASK_EXECUTION_TIMEOUT_SECONDS`, where 0 or less is no limit.
 *
 * @throws InvalidInputError for a timeout that is no number
 */
export function taskConsumerOptionsFromEnvironment(environment: Readonly<Record<string, string | undefined>>): Partial<TaskConsumerOptions> {
  const identity = environment['CORTEX_IDENTITY'];
  const seconds = environment['CORTEX_TASK_EXECUTION_TIMEOUT_SECONDS'];
  if (seconds !== undefined && seconds !== '' && !Number.isFinite(Number(seconds))) {
    throw new InvalidInputError('CORTEX_TASK_EXECUTION_TIMEOUT_SECONDS', `must be a number of seconds, got ${JSON.stringify(seconds)}`);
  }
  return {
    ...(identity === undefined || identity === '' ? {} : { identity }),
    ...(seconds === undefined || seconds === '' ? {} : { taskTimeoutMs: Math.max(0, Number(seconds) * 1_000) }),
  };
}
