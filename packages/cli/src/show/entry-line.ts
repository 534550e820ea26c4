import { clip, printable } from './printable.ts';
import { clockTime, counted, shortDuration } from './amounts.ts';

/** An entry as the journal or the HTTP API gives it. */
export interface ShownEntry {
  seq: number;
  timestamp: string;
  entryType: string;
  runId?: string | undefined;
  data: object;
}

/** One line about an entry: time, number, type, and what matters in it. */
export function entryLine(entry: ShownEntry, width = 120): string {
  const head = `${clockTime(entry.timestamp)}  ${String(entry.seq).padStart(6)}  ${entry.entryType.padEnd(18)}`;
  return clip(`${head}  ${printable(summaryOf(entry))}`.trimEnd(), width);
}

function summaryOf({ entryType, data }: ShownEntry): string {
  const facts = data as Record<string, unknown>;
  const text = (key: string) => (facts[key] === undefined || facts[key] === null ? '' : typeof facts[key] === 'string' ? facts[key] : JSON.stringify(facts[key]));
  switch (entryType) {
    case 'state_transition':
      return `${text('from_state')} → ${text('to_state')}  ${text('reason')}`;
    case 'trigger_event':
      return `${text('trigger_type')}  ${text('event_id')}  ${text('payload')}`;
    case 'invocation_start':
      return `run ${text('invocation')}  attempt ${text('attempt')}${facts['resumed'] === undefined ? '' : '  goes on'}`;
    case 'llm_call':
      return `${text('purpose') || `turn ${text('turn')}`}  ${text('model')}`;
    case 'llm_result':
      return text('error') || `${Array.isArray(facts['tool_calls']) && facts['tool_calls'].length > 0 ? `${counted(facts['tool_calls'].length, 'tool call')}  ` : ''}${text('text')}`;
    case 'tool_call':
      return `${text('tool')}  ${text('args')}`;
    case 'tool_result':
      return `${text('tool')}  ${facts['is_error'] === true ? 'failed: ' : ''}${text('content')}`;
    case 'effect_intent':
      return `${text('name')}  ${text('input')}`;
    case 'effect_outcome':
      return `${text('effect_id')}  ${text('error') || text('result')}`;
    case 'embedding_usage':
      return `${text('input_tokens')} tokens  ${text('model')}`;
    case 'effect_unknown':
      return `${text('effect_id')}  ${text('name')}: ${text('reason')}`;
    case 'effect_deferred':
      return `${text('effect_id')}  ${text('name')}: ${text('reason')}  ${text('waits_for')}`;
    case 'effect_resolved':
      return `${text('effect_id')}  ${text('resolution')}  by ${text('by')}`;
    case 'invocation_result':
      return `run ${text('invocation')}  ${typeof facts['duration_ms'] === 'number' ? shortDuration(facts['duration_ms']) : ''}  ${text('response')}`;
    case 'error':
      return `${text('error')}${facts['will_retry'] === true ? '  (will be tried again)' : ''}`;
    case 'dead_letter':
      return `${text('event_id')}  ${text('reason')}${text('error') === '' ? '' : `: ${text('error')}`}`;
    case 'context_update':
      return `${text('key')} = ${text('value')}`;
    default:
      return Object.keys(facts).length === 0 ? '' : JSON.stringify(facts);
  }
}
