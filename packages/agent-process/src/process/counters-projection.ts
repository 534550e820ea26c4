import type { Projection } from '@cortex-runtime/journal';

/** Counts over the whole life of a process. */
export interface CountersState {
  /** Runs that were begun; a retry is not a new run. */
  runs_started: number;
  /** Runs that ended with a result. */
  invocation_count: number;
  /** Events given up in a row, since the last result or start. */
  consecutive_failures: number;
  /** Restarts since the last result. */
  restart_count: number;
  llm_calls: number;
  tool_calls: number;
  input_tokens: number;
  output_tokens: number;
  cached_input_tokens: number;
  /** USD, of calls with a known price. */
  cost: number;
  /** Calls of models without a known price. */
  unpriced_calls: number;
  /** ISO 8601 of the last thing that counts as work; null before the first. */
  last_activity: string | null;
}

export const countersProjection: Projection<CountersState> = {
  name: 'counters',
  initial: () => ({
    runs_started: 0,
    invocation_count: 0,
    consecutive_failures: 0,
    restart_count: 0,
    llm_calls: 0,
    tool_calls: 0,
    input_tokens: 0,
    output_tokens: 0,
    cached_input_tokens: 0,
    cost: 0,
    unpriced_calls: 0,
    last_activity: null,
  }),
  apply(state, entry) {
    switch (entry.entryType) {
      case 'trigger_event':
        state.last_activity = entry.timestamp;
        return state;
      case 'invocation_start':
        state.runs_started = Math.max(state.runs_started, (entry.data as { invocation: number }).invocation);
        state.last_activity = entry.timestamp;
        return state;
      case 'invocation_result':
        state.invocation_count += 1;
        state.consecutive_failures = 0;
        state.restart_count = 0;
        state.last_activity = entry.timestamp;
        addRun(state, entry.data as unknown as RunTotals);
        return state;
      case 'embedding_usage': {
        const { input_tokens, cost } = entry.data as { input_tokens: number; cost: number | null };
        state.input_tokens += input_tokens;
        if (cost === null) state.unpriced_calls += 1;
        else state.cost += cost;
        return state;
      }
      case 'dead_letter':
        if ((entry.data as { counts_as_failure?: boolean }).counts_as_failure !== false) state.consecutive_failures += 1;
        state.last_activity = entry.timestamp;
        return state;
      case 'state_transition':
        // A restart by policy keeps the count that its limit is held against; a start by a person is a new beginning.
        if ((entry.data as { to_state: string }).to_state === 'starting') state.consecutive_failures = 0;
        return state;
      case 'restart':
        state.restart_count += 1;
        return state;
      default:
        return state;
    }
  },
};

interface RunTotals {
  usage?: { input_tokens: number; output_tokens: number; cached_input_tokens: number };
  cost?: number | null;
  turns?: number;
  tool_calls?: number;
}

function addRun(state: CountersState, run: RunTotals): void {
  state.llm_calls += run.turns ?? 0;
  state.tool_calls += run.tool_calls ?? 0;
  state.input_tokens += run.usage?.input_tokens ?? 0;
  state.output_tokens += run.usage?.output_tokens ?? 0;
  state.cached_input_tokens += run.usage?.cached_input_tokens ?? 0;
  if (typeof run.cost === 'number') state.cost += run.cost;
  else state.unpriced_calls += run.turns ?? 0;
}
