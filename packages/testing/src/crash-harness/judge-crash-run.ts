import type { JsonValue } from '@cortex-runtime/core';
import { checkHistory, type JournalEntry } from '@cortex-runtime/journal';

/** A tool call that a counting server executed. */
export interface ExecutedCall {
  tool: string;
  /** Names what the call was for: the same in every call of one intention. */
  value: string;
  idempotencyKey: string | undefined;
  /** Milliseconds since the epoch. */
  executedAt: number;
}

/** A request that the model server got. */
export interface ReceivedModelCall {
  idempotencyKey: string | undefined;
  /** Milliseconds since the epoch. */
  receivedAt: number;
}

/** What is known after a run with crashes, from outside and from the journal. */
export interface CrashEvidence {
  /** The logs of all processes; the entries of one process in order of `seq`. */
  entries: readonly JournalEntry[];
  /** Events that a client was told are taken: by 202, or by 200 for a delivery that came again. */
  acknowledged: readonly { processId: string; eventId: string }[];
  /** Files that were dropped, by the path as the event names it. */
  droppedFiles: { processId: string; paths: readonly string[] } | undefined;
  /** A cron agent whose every occurrence counts (`misfire: all`), and the time between two. */
  everyOccurrence: { processId: string; intervalMs: number } | undefined;
  executions: readonly ExecutedCall[];
  modelCalls: readonly ReceivedModelCall[];
  /** Tools that must never be executed twice for one value. */
  unrepeatableTools: readonly string[];
}

/** One thing that must not happen. `rule` is one of `checkHistory`, or one of what only the outside can tell. */
export interface CrashFinding {
  rule: string;
  message: string;
}

export interface CrashFigures {
  entries: number;
  eventsAccepted: number;
  eventsClosed: number;
  deadLetters: number;
  cronOccurrences: number;
  runsInterrupted: number;
  effects: number;
  unknownSettled: { happened: number; notHappened: number; retry: number };
  /** Executions of repeatable calls beyond the first, all before an outcome was recorded. */
  repeatedBeforeOutcome: number;
  /** Model calls beyond the first of a key, all before an outcome was recorded. */
  repeatedModelCalls: number;
  /** Executions after the outcome was recorded, and second executions of what must not be repeated: must be 0. */
  repeatedEffects: number;
}

/** Rules whose findings are repeated effects. */
const repetitions = new Set(['executed-after-outcome', 'executed-twice', 'model-called-after-outcome', 'effect-executed-again', 'unknown-effect-repeated', 'outcome-twice']);

/**
 * Compares what the journals say with what clients and servers saw. Pure: the same evidence gives the same verdict.
 *
 * @returns every finding; none when all promises were kept
 */
export function judgeCrashRun(evidence: CrashEvidence): { findings: CrashFinding[]; figures: CrashFigures } {
  const { entries } = evidence;
  const history = checkHistory(entries, { isFinal: true });
  const findings: CrashFinding[] = history.violations.map(({ rule, processId, seq, message }) => ({ rule, message: `${processId} ${seq}: ${message}` }));
  const effects = readEffects(entries);
  findings.push(...eventFindings(evidence), ...occurrenceFindings(evidence), ...resolutionFindings(entries), ...unfinishedFindings(entries), ...executionFindings(evidence, effects), ...modelFindings(evidence, effects));

  const of = (type: string) => entries.filter((entry) => entry.entryType === type);
  const settled = of('effect_resolved').map((entry) => entry.data['resolution']);
  const count = (resolution: string) => settled.filter((each) => each === resolution).length;
  return {
    findings,
    figures: {
      entries: entries.length,
      eventsAccepted: history.events.accepted,
      eventsClosed: history.events.closed,
      deadLetters: of('dead_letter').length,
      cronOccurrences: of('trigger_event').filter((entry) => entry.data['trigger_type'] === 'cron').length,
      runsInterrupted: of('invocation_start').filter((entry) => entry.data['resumed'] === 'interrupted').length,
      effects: effects.size,
      unknownSettled: { happened: count('happened'), notHappened: count('not-happened'), retry: count('retry') },
      repeatedBeforeOutcome: beyondFirst(evidence.executions.map(({ idempotencyKey }) => idempotencyKey)),
      repeatedModelCalls: beyondFirst(evidence.modelCalls.map(({ idempotencyKey }) => idempotencyKey)),
      repeatedEffects: findings.filter(({ rule }) => repetitions.has(rule)).length,
    },
  };
}

interface EffectFacts {
  tool: string | undefined;
  /** Milliseconds since the epoch at which the outcome that counts was written. */
  outcomeAt: number | undefined;
  isServed: boolean;
  isError: boolean;
}

function readEffects(entries: readonly JournalEntry[]): Map<string, EffectFacts> {
  const effects = new Map<string, EffectFacts>();
  for (const { entryType, data, timestamp } of entries) {
    const id = String(data['effect_id']);
    if (entryType === 'llm_call' || entryType === 'tool_call') {
      if (!effects.has(id)) effects.set(id, { tool: typeof data['tool'] === 'string' ? data['tool'] : undefined, outcomeAt: undefined, isServed: false, isError: false });
    } else if ((entryType === 'llm_result' || entryType === 'tool_result') && data['error'] === undefined) {
      const facts = effects.get(id);
      if (facts !== undefined) Object.assign(facts, { outcomeAt: Date.parse(timestamp), isServed: data['served_by'] !== undefined, isError: data['is_error'] === true });
    }
  }
  return effects;
}

function eventFindings({ entries, acknowledged, droppedFiles }: CrashEvidence): CrashFinding[] {
  const findings: CrashFinding[] = [];
  const accepted = new Set<string>();
  const perPath = new Map<string, number>();
  for (const { entryType, processId, data } of entries) {
    if (entryType !== 'trigger_event') continue;
    accepted.add(`${processId} ${String(data['event_id'])}`);
    const path = field(data['payload'], 'path');
    if (droppedFiles?.processId === processId && path !== undefined) perPath.set(path, (perPath.get(path) ?? 0) + 1);
  }
  for (const { processId, eventId } of acknowledged) {
    if (!accepted.has(`${processId} ${eventId}`)) findings.push({ rule: 'acknowledged-event-lost', message: `${processId}: event ${eventId} was acknowledged and is not in the journal` });
  }
  for (const path of droppedFiles?.paths ?? []) {
    const events = perPath.get(path) ?? 0;
    if (events === 0) findings.push({ rule: 'file-missed', message: `${path} was dropped and woke nobody` });
    if (events > 1) findings.push({ rule: 'file-told-twice', message: `${path} was dropped once and is ${events} events` });
  }
  return findings;
}

function occurrenceFindings({ entries, everyOccurrence }: CrashEvidence): CrashFinding[] {
  if (everyOccurrence === undefined) return [];
  const { processId, intervalMs } = everyOccurrence;
  const times = entries.filter((entry) => entry.processId === processId && entry.entryType === 'trigger_event').map((entry) => Date.parse(field(entry.data['payload'], 'scheduled_time') ?? ''));
  const findings: CrashFinding[] = [];
  if (times.length === 0) findings.push({ rule: 'occurrence-missed', message: `${processId} never woke` });
  for (const [index, at] of times.entries()) {
    const before = times[index - 1];
    if (before === undefined || at - before === intervalMs) continue;
    findings.push({ rule: at > before ? 'occurrence-missed' : 'occurrence-repeated', message: `${processId}: ${new Date(at).toISOString()} follows ${new Date(before).toISOString()}` });
  }
  return findings;
}

/** An effect that was found unknown and has to be asked about goes on only by a person's word. */
function resolutionFindings(entries: readonly JournalEntry[]): CrashFinding[] {
  const findings: CrashFinding[] = [];
  const waiting = new Set<string>();
  const resolved = new Map<string, string>();
  for (const { entryType, processId, seq, data } of entries) {
    const id = String(data['effect_id']);
    if (entryType === 'effect_unknown') {
      waiting.add(id);
      resolved.delete(id);
    } else if (entryType === 'effect_resolved') {
      resolved.set(id, String(data['resolution']));
      waiting.delete(id);
    } else if ((entryType === 'tool_call' || entryType === 'tool_result') && waiting.has(id)) {
      findings.push({ rule: 'went-on-unasked', message: `${processId} ${seq}: effect ${id} was unknown and goes on with ${entryType}, which nobody decided` });
    } else if (entryType === 'tool_call' && resolved.has(id) && resolved.get(id) !== 'retry') {
      findings.push({ rule: 'went-on-unasked', message: `${processId} ${seq}: effect ${id} was settled as ${resolved.get(id)} and is begun again` });
    }
  }
  for (const id of waiting) findings.push({ rule: 'effect-never-settled', message: `effect ${id} is unknown and was never settled` });
  return findings;
}

/** A run that has a result knows how each of its effects ended. */
function unfinishedFindings(entries: readonly JournalEntry[]): CrashFinding[] {
  const open = new Map<string, string | undefined>();
  const completed = new Set<string | undefined>();
  for (const { entryType, data, runId } of entries) {
    const id = String(data['effect_id']);
    if (entryType === 'llm_call' || entryType === 'tool_call') open.set(id, runId);
    else if (entryType === 'llm_result' || entryType === 'tool_result') open.delete(id);
    else if (entryType === 'invocation_result') completed.add(runId);
  }
  return [...open].filter(([, runId]) => runId !== undefined && completed.has(runId)).map(([id]) => ({ rule: 'effect-without-outcome', message: `effect ${id} has no outcome, but its run has a result` }));
}

function executionFindings({ executions, unrepeatableTools }: CrashEvidence, effects: ReadonlyMap<string, EffectFacts>): CrashFinding[] {
  const findings: CrashFinding[] = [];
  const perValue = new Map<string, number>();
  const keyOf = new Map<string, string | undefined>();
  const executed = new Set<string>();
  for (const { tool, value, idempotencyKey, executedAt } of executions) {
    if (idempotencyKey === undefined) {
      findings.push({ rule: 'call-without-key', message: `${tool} ${value} came without an idempotency key` });
      continue;
    }
    executed.add(idempotencyKey);
    const effect = effects.get(idempotencyKey);
    if (effect === undefined) findings.push({ rule: 'execution-without-intent', message: `${tool} ${value} was executed as ${idempotencyKey}, which no journal knows` });
    else if (effect.outcomeAt !== undefined && executedAt > effect.outcomeAt) findings.push({ rule: 'executed-after-outcome', message: `${tool} ${value} was executed ${executedAt - effect.outcomeAt} ms after its outcome was recorded` });
    const intention = `${tool} ${value}`;
    if (keyOf.has(intention) && keyOf.get(intention) !== idempotencyKey) findings.push({ rule: 'key-changed', message: `${intention} was executed as ${String(keyOf.get(intention))} and as ${idempotencyKey}` });
    keyOf.set(intention, idempotencyKey);
    const times = (perValue.get(intention) ?? 0) + 1;
    perValue.set(intention, times);
    if (times > 1 && unrepeatableTools.includes(tool)) findings.push({ rule: 'executed-twice', message: `${intention} was executed ${times} times` });
  }
  for (const [id, { tool, outcomeAt, isServed, isError }] of effects) {
    if (tool !== undefined && outcomeAt !== undefined && !isServed && !isError && !executed.has(id)) findings.push({ rule: 'outcome-without-execution', message: `effect ${id} (${tool}) has an outcome, but no server executed it` });
  }
  return findings;
}

function modelFindings({ modelCalls }: CrashEvidence, effects: ReadonlyMap<string, EffectFacts>): CrashFinding[] {
  const findings: CrashFinding[] = [];
  for (const { idempotencyKey, receivedAt } of modelCalls) {
    if (idempotencyKey === undefined) findings.push({ rule: 'call-without-key', message: 'a model call came without an idempotency key' });
    else {
      const outcomeAt = effects.get(idempotencyKey)?.outcomeAt;
      if (outcomeAt !== undefined && receivedAt > outcomeAt) findings.push({ rule: 'model-called-after-outcome', message: `model call ${idempotencyKey} came ${receivedAt - outcomeAt} ms after its outcome was recorded` });
    }
  }
  return findings;
}

function beyondFirst(keys: readonly (string | undefined)[]): number {
  return keys.length - new Set(keys).size;
}

function field(value: JsonValue | undefined, key: string): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const found = (value as Readonly<Record<string, JsonValue>>)[key];
  return typeof found === 'string' ? found : undefined;
}
