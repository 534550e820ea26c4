import type { ProcessState } from '../lifecycle/process-state.ts';

/** A snapshot of a process in document form: what `cortex status --json` and `GET /api/v1/processes/{name}` show. */
export interface ProcessStatus {
  name: string;
  process_id: string;
  state: ProcessState;
  /** Why it is in that state; empty when nothing was said. */
  state_reason: string;
  execution_mode: string;
  model: string;
  /** False for the offline model `scripted:`. */
  is_language_model: boolean;
  invocation_count: number;
  consecutive_failures: number;
  restart_count: number;
  journal_enabled: boolean;
  journal_level: string;
  trigger_count: number;
  dynamic_trigger_count: number;
  custom_tool_count: number;
  rebuild_count: number;
  spawned_process_count: number;
  conversation_messages: number;
  has_memory: boolean;
  /** Accepted events that are not closed yet, without those whose run is open. */
  queue_size: number;
  dead_letter_count: number;
  /** Events that a filter turned away since the host started. */
  filtered_count: number;
  pending_retries: number;
  /** Seconds since it last began to run; 0 when it does not. */
  uptime_seconds: number;
  running_runs: number;
  /** Effects whose outcome a person has to settle. */
  waiting_effects: number;
  /** Calls that wait for a person's approval. */
  waiting_approvals: number;
  /** Answers that are not delivered yet to where their events came from. */
  due_replies: number;
  hibernated: boolean;
  /** USD over the whole life, of calls with a known price. */
  cost: number;
  /** ISO 8601; null before the first event. */
  last_activity: string | null;
  /** What the manifest asks for and this version does not do yet, and the like. */
  warnings: string[];
}
