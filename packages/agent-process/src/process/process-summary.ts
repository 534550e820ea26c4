import type { EffectsState } from '@cortex-runtime/journal';

import type { LifecycleState } from '../lifecycle/lifecycle-projection.ts';
import type { MailboxState } from '../mailbox/mailbox-projection.ts';
import type { ConversationState } from '../conversation/conversation-projection.ts';
import type { ProcessState } from '../lifecycle/process-state.ts';
import type { CountersState } from './counters-projection.ts';
import type { RepliesState } from '../replies/replies-projection.ts';
import { isParkedRun } from './parked-run.ts';

/** What stays in memory of a process that hibernates. */
export interface ProcessSummary {
  state: ProcessState;
  state_reason: string;
  started_at: string | null;
  execution_mode: string;
  model: string;
  journal_level: string;
  invocation_count: number;
  consecutive_failures: number;
  restart_count: number;
  conversation_messages: number;
  pending_count: number;
  queue_size: number;
  pending_retries: number;
  dead_letter_count: number;
  waiting_effects: number;
  waiting_approvals: number;
  /** Open runs that can not go on before a person has settled or approved something. */
  parked_runs: number;
  /** Answers that are not delivered yet. */
  due_replies: number;
  cost: number;
  last_activity: string | null;
}

export function summarise(
  states: { lifecycle: LifecycleState; mailbox: MailboxState; conversation: ConversationState; counters: CountersState; effects: EffectsState; replies: RepliesState },
  config: { executionMode: string; model: string; journal: { level: string } },
): ProcessSummary {
  const { lifecycle, mailbox, conversation, counters, effects, replies } = states;
  let queued = 0;
  let retries = 0;
  let parked = 0;
  for (const pending of Object.values(mailbox.pending)) {
    if (pending.state !== 'running') queued += 1;
    if (pending.state === 'retry') retries += 1;
    if (pending.state === 'running' && pending.run_id !== null && isParkedRun(effects, pending.run_id)) parked += 1;
  }
  return {
    state: lifecycle.state,
    state_reason: lifecycle.history.at(-1)?.reason ?? '',
    started_at: lifecycle.started_at,
    execution_mode: config.executionMode,
    model: config.model,
    journal_level: config.journal.level,
    invocation_count: counters.invocation_count,
    consecutive_failures: counters.consecutive_failures,
    restart_count: counters.restart_count,
    conversation_messages: conversation.messages.length,
    pending_count: mailbox.pending_count,
    queue_size: queued,
    pending_retries: retries,
    dead_letter_count: mailbox.dead_letter_count,
    waiting_effects: countEffects(effects, 'unknown'),
    waiting_approvals: countEffects(effects, 'deferred'),
    parked_runs: parked,
    due_replies: replies.due_count,
    cost: counters.cost,
    last_activity: counters.last_activity,
  };
}

function countEffects({ runs }: EffectsState, wanted: 'unknown' | 'deferred'): number {
  return Object.values(runs).reduce((count, run) => count + Object.values(run).filter(({ status }) => status === wanted).length, 0);
}
