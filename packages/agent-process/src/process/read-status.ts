import { inactiveFeatures, type ProcessConfig } from '@cortex-runtime/manifest';

import type { ProcessState } from '../lifecycle/process-state.ts';
import type { ProcessStatus } from './process-status.ts';
import type { ProcessSummary } from './process-summary.ts';

export interface StatusFacts {
  name: string;
  processId: string;
  state: ProcessState;
  stateReason: string;
  /** Undefined while it hibernates. */
  config: ProcessConfig | undefined;
  summary: ProcessSummary;
  isHibernating: boolean;
  isLanguageModel: boolean;
  hasMemory: boolean;
  triggerCount: number;
  filtered: number;
  activeRuns: number;
  /** ISO 8601; undefined when it does not run. */
  startedAt: string | null | undefined;
  now: number;
}

export function processStatus(facts: StatusFacts): ProcessStatus {
  const { summary } = facts;
  return {
    name: facts.name,
    process_id: facts.processId,
    state: facts.state,
    state_reason: facts.stateReason,
    execution_mode: summary.execution_mode,
    model: summary.model,
    is_language_model: facts.isLanguageModel,
    invocation_count: summary.invocation_count,
    consecutive_failures: summary.consecutive_failures,
    restart_count: summary.restart_count,
    journal_enabled: summary.journal_level !== 'none',
    journal_level: summary.journal_level,
    trigger_count: facts.triggerCount,
    dynamic_trigger_count: 0,
    custom_tool_count: 0,
    rebuild_count: 0,
    spawned_process_count: 0,
    conversation_messages: summary.conversation_messages,
    has_memory: facts.hasMemory,
    queue_size: summary.queue_size,
    dead_letter_count: summary.dead_letter_count,
    filtered_count: facts.filtered,
    pending_retries: summary.pending_retries,
    uptime_seconds: facts.startedAt === undefined || facts.startedAt === null ? 0 : Math.max(0, Math.round((facts.now - Date.parse(facts.startedAt)) / 1_000)),
    running_runs: facts.activeRuns,
    waiting_effects: summary.waiting_effects,
    waiting_approvals: summary.waiting_approvals,
    due_replies: summary.due_replies,
    hibernated: facts.isHibernating,
    cost: summary.cost,
    last_activity: summary.last_activity,
    warnings: facts.config === undefined ? [] : inactiveFeatures(facts.config).map(({ path, message }) => `${path}: ${message}`),
  };
}
