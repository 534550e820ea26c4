import type { JsonObject } from '@cortex-runtime/core';

import type { JournalEntry } from './journal-entry.ts';

/** What a history must never show. */
export type HistoryRule =
  | 'sequence-gap'
  | 'event-accepted-twice'
  | 'event-never-accepted'
  | 'event-closed-twice'
  | 'event-not-closed'
  | 'event-redelivered-while-open'
  | 'outcome-without-intent'
  | 'outcome-twice'
  | 'effect-executed-again'
  | 'unknown-effect-repeated'
  | 'deferred-effect-begun'
  | 'effect-changed'
  | 'transition-torn';

export interface HistoryViolation {
  rule: HistoryRule;
  processId: string;
  seq: number;
  /** What was seen, with the id of the event or effect. */
  message: string;
}

export interface HistoryReport {
  violations: HistoryViolation[];
  entries: number;
  events: { accepted: number; closed: number; pending: number };
  effects: { intents: number; outcomes: number; unknown: number };
}

export interface HistoryOptions {
  /** The history is over: every accepted event must be closed. Default false. */
  isFinal?: boolean;
}

interface EffectHistory {
  name: string;
  input: string;
  onUnknown: string;
  key: string;
  status: 'intent' | 'done' | 'failed' | 'unknown' | 'retry' | 'deferred';
}

interface ProcessHistory {
  seq: number;
  state: string | undefined;
  events: Map<string, 'open' | 'result' | 'dead-letter'>;
  effects: Map<string, EffectHistory>;
}

const intents = new Set(['llm_call', 'tool_call', 'effect_intent']);
const outcomes = new Set(['llm_result', 'tool_result', 'effect_outcome']);

/**
 * Checks what a journal says happened against what may happen: every accepted event is closed once, no recorded effect is executed again, no effect whose
 * outcome is unknown is repeated unless it may be, none is begun while it waits. Depends on nothing but the entries; those of one process must be in order of `seq`.
 */
export function checkHistory(entries: Iterable<JournalEntry>, options: HistoryOptions = {}): HistoryReport {
  const checker = new HistoryChecker();
  for (const entry of entries) checker.add(entry);
  return checker.report(options);
}

/** As {@link checkHistory}, an entry at a time: for histories that do not fit in memory. */
export class HistoryChecker {
  readonly #processes = new Map<string, ProcessHistory>();
  readonly #violations: HistoryViolation[] = [];
  readonly #counts = { entries: 0, accepted: 0, closed: 0, intents: 0, outcomes: 0 };

  add(entry: JournalEntry): void {
    const { processId, seq, entryType } = entry;
    this.#counts.entries += 1;
    let process = this.#processes.get(processId);
    if (process === undefined) {
      process = { seq: seq - 1, state: undefined, events: new Map(), effects: new Map() };
      this.#processes.set(processId, process);
    }
    if (seq !== process.seq + 1 && entryType !== 'journal_repaired') this.#violate('sequence-gap', entry, `entry ${seq} follows entry ${process.seq}`);
    process.seq = seq;
    if (intents.has(entryType)) this.#intent(process, entry);
    else if (outcomes.has(entryType)) this.#outcome(process, entry);
    else this.#event(process, entry);
  }

  report({ isFinal = false }: HistoryOptions = {}): HistoryReport {
    const violations = [...this.#violations];
    let pending = 0;
    let unknown = 0;
    for (const [processId, { seq, events, effects }] of this.#processes) {
      for (const [eventId, status] of events) {
        if (status !== 'open') continue;
        pending += 1;
        if (isFinal) violations.push({ rule: 'event-not-closed', processId, seq, message: `event ${eventId} was accepted and never closed` });
      }
      for (const { status } of effects.values()) if (status === 'unknown') unknown += 1;
    }
    const { entries, accepted, closed, intents: begun, outcomes: recorded } = this.#counts;
    return { violations, entries, events: { accepted, closed, pending }, effects: { intents: begun, outcomes: recorded, unknown } };
  }

  #event(process: ProcessHistory, entry: JournalEntry): void {
    const { events, effects } = process;
    const { entryType, data } = entry;
    const eventId = text(data, 'event_id');
    switch (entryType) {
      case 'trigger_event':
        this.#counts.accepted += 1;
        if (events.has(eventId)) this.#violate('event-accepted-twice', entry, `event ${eventId} was accepted before`);
        events.set(eventId, 'open');
        return;
      case 'invocation_result':
      case 'dead_letter': {
        this.#counts.closed += 1;
        const status = events.get(eventId);
        if (status === undefined) this.#violate('event-never-accepted', entry, `${entryType} closes event ${eventId}, which was never accepted`);
        else if (status !== 'open') this.#violate('event-closed-twice', entry, `${entryType} closes event ${eventId}, which has a ${status} already`);
        events.set(eventId, entryType === 'dead_letter' ? 'dead-letter' : 'result');
        return;
      }
      case 'dead_letter_redelivered':
        if (events.get(eventId) !== 'dead-letter') this.#violate('event-redelivered-while-open', entry, `event ${eventId} is redelivered but is no dead letter`);
        this.#counts.accepted += 1;
        events.set(eventId, 'open');
        return;
      case 'effect_unknown':
      case 'effect_resolved': {
        const effect = effects.get(text(data, 'effect_id'));
        if (effect !== undefined && entryType === 'effect_unknown') effect.status = 'unknown';
        else if (effect?.status !== undefined && effect.status !== 'done' && text(data, 'resolution') !== 'happened') effect.status = 'retry';
        return;
      }
      case 'effect_deferred':
      case 'effect_resumed': {
        const effect = effects.get(text(data, 'effect_id'));
        if (effect !== undefined && entryType === 'effect_deferred') effect.status = 'deferred';
        else if (effect?.status === 'deferred') effect.status = 'retry';
        return;
      }
      case 'state_transition': {
        const from = text(data, 'from_state');
        if (process.state !== undefined && from !== process.state) this.#violate('transition-torn', entry, `a transition from ${from}, but the state was ${process.state}`);
        process.state = text(data, 'to_state');
        return;
      }
      case 'process_removed':
        events.clear();
        process.state = undefined;
        return;
      default:
    }
  }

  #intent({ effects }: ProcessHistory, entry: JournalEntry): void {
    this.#counts.intents += 1;
    const { data, entryType } = entry;
    const effectId = text(data, 'effect_id');
    const next: EffectHistory = {
      name: entryType === 'llm_call' ? 'model' : text(data, 'tool') || text(data, 'name'),
      input: entryType === 'llm_call' ? '' : JSON.stringify(data['args'] ?? data['input'] ?? null),
      onUnknown: text(data, 'on_unknown'),
      key: text(data, 'idempotency_key'),
      status: 'intent',
    };
    const known = effects.get(effectId);
    effects.set(effectId, next);
    if (known === undefined) return;
    if (known.name !== next.name || known.input !== next.input) this.#violate('effect-changed', entry, `effect ${effectId} was ${known.name} ${known.input} and is now ${next.name} ${next.input}`);
    if (known.status === 'done') this.#violate('effect-executed-again', entry, `effect ${effectId} is begun again although its outcome is recorded`);
    if (known.status === 'deferred') return this.#violate('deferred-effect-begun', entry, `effect ${effectId} is begun although it still waits for something outside`);
    const mayRepeat = known.status === 'retry' || known.status === 'failed' || known.status === 'done' || (known.status === 'intent' && known.onUnknown !== 'ask' && (known.onUnknown !== 'retry' || known.key === next.key));
    if (!mayRepeat) this.#violate('unknown-effect-repeated', entry, `effect ${effectId} is begun again although nobody knows whether it happened`);
  }

  #outcome({ effects }: ProcessHistory, entry: JournalEntry): void {
    this.#counts.outcomes += 1;
    const effectId = text(entry.data, 'effect_id');
    const effect = effects.get(effectId);
    if (effect === undefined) return this.#violate('outcome-without-intent', entry, `effect ${effectId} has an outcome but was never begun`);
    if (effect.status === 'done' || effect.status === 'failed') this.#violate('outcome-twice', entry, `effect ${effectId} has an outcome already`);
    effect.status = entry.data['error'] === undefined ? 'done' : 'failed';
  }

  #violate(rule: HistoryRule, { processId, seq }: JournalEntry, message: string): void {
    this.#violations.push({ rule, processId, seq, message });
  }
}

function text(data: JsonObject, key: string): string {
  const value = data[key];
  return typeof value === 'string' ? value : '';
}
