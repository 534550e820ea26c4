import { documentCodec } from '@cortex-runtime/core';
import { z } from 'zod';

import type { KnownFields } from './known-fields.ts';

const text = z.string().default('');
const reference = z.string().nullable().default(null);
const amount = z.number().nullable().default(null);

/** Something that an agent wants remembered. */
export const MemoryProposal = z.looseObject({
  category: z.string(),
  name: z.string(),
  mode: z.enum(['create', 'update']).default('create'),
  content: z.string(),
});
export type MemoryProposal = KnownFields<z.output<typeof MemoryProposal>>;

/** The outcome of a task: there is one for each. */
export const TaskResult = z.looseObject({
  taskId: z.string().min(1),
  messageId: text,
  agent: text,
  status: z.enum(['success', 'failure']),
  /** What the agent said; with a failure, as far as it came. */
  responseText: reference,
  /** Why it failed. */
  error: reference,
  /** Stable code of the failure: `DISPATCH_TIMEOUT`, `DISPATCH_CANCELLED`, … */
  errorCode: reference,
  durationSeconds: amount,
  costUsd: amount,
  numTurns: amount,
  inputTokens: amount,
  outputTokens: amount,
  modelUsed: reference,
  complexityTier: reference,
  sessionId: reference,
  contextVersion: amount,
  contextSnapshotId: reference,
  domain: text,
  sender: text,
  /** The beginning of what was asked. */
  text,
  discoveries: z.array(z.string()).default([]),
  memoryProposals: z.array(MemoryProposal).default([]),
  /** Whether the channel has the answer; null where there was none to give it to. */
  replyDelivered: z.boolean().nullable().default(null),
  /** Attempts that were made, the last included. */
  attempts: amount,
});
export type TaskResult = KnownFields<z.output<typeof TaskResult>>;
export type TaskResultInput = KnownFields<z.input<typeof TaskResult>>;

const codec = documentCodec(TaskResult, { saysFalse: ['replyDelivered'] });

/** @throws DocumentError naming each field that does not fit */
export function readTaskResult(raw: unknown): TaskResult {
  return codec.read(raw, 'the result');
}

/** The document form as text, without what is as good as absent. */
export function writeTaskResult(result: TaskResult): string {
  return codec.writeText(result);
}
