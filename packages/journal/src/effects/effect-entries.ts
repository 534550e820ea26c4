import { hash } from 'node:crypto';

import type { JsonObject, JsonValue } from '@cortex-runtime/core';

import type { OwnJournalEntry } from '../process-log.ts';

/** What to do about an effect that was begun and whose outcome is not recorded. */
export const OnUnknown = {
  /** It may happen twice: begin it again with the same idempotency key. */
  RETRY: 'retry',
  /** Ask the outside whether it happened. */
  PROBE: 'probe',
  /** Ask a person. */
  ASK: 'ask',
} as const;
export type OnUnknown = (typeof OnUnknown)[keyof typeof OnUnknown];

/** One thing that an agent does that is not pure. */
export interface Effect {
  /** Unique within the process, and the same when the run is taken up again: `<runId>/<turn>/llm`, `<runId>/<turn>/<index>`. */
  effectId: string;
  runId: string;
  /** `model` and `tool` have entry types of their own. */
  kind: string;
  /** Model or tool. */
  name: string;
  /** Arguments. Of a model call only a digest is recorded. */
  input: JsonValue;
  onUnknown: OnUnknown;
  /** Passed to the outside on every attempt. Default: the effect id. */
  idempotencyKey?: string;
  /** More fields for the intent and the outcome: `turn`, `tool_call_id`. */
  details?: JsonObject;
  cause?: readonly string[];
}

export type EffectEntryType = 'llm_call' | 'llm_result' | 'tool_call' | 'tool_result' | 'effect_intent' | 'effect_outcome';

const entryTypes: Readonly<Record<string, { intent: EffectEntryType; outcome: EffectEntryType }>> = {
  model: { intent: 'llm_call', outcome: 'llm_result' },
  tool: { intent: 'tool_call', outcome: 'tool_result' },
};
const generic = { intent: 'effect_intent', outcome: 'effect_outcome' } as const;

export const isIntent = (entryType: string) => entryType === 'llm_call' || entryType === 'tool_call' || entryType === 'effect_intent';
export const isOutcome = (entryType: string) => entryType === 'llm_result' || entryType === 'tool_result' || entryType === 'effect_outcome';

export const intentType = (kind: string): EffectEntryType => (Object.hasOwn(entryTypes, kind) ? entryTypes[kind] : generic)?.intent ?? generic.intent;
const outcomeType = (kind: string): EffectEntryType => (Object.hasOwn(entryTypes, kind) ? entryTypes[kind] : generic)?.outcome ?? generic.outcome;

export function intentEntry(effect: Effect, attempt: number): OwnJournalEntry {
  const { effectId, runId, kind, name, input, onUnknown, cause, details = {} } = effect;
  const common = { effect_id: effectId, ...details, idempotency_key: effect.idempotencyKey ?? effectId, attempt, on_unknown: onUnknown };
  const what: JsonObject = kind === 'model' ? { model: name, input_digest: digestOf(input) } : kind === 'tool' ? { tool: name, args: input } : { kind, name, input };
  return { entryType: intentType(kind), runId, data: { ...common, ...what }, ...(cause === undefined ? {} : { cause }) };
}

/** An outcome's `result` becomes the fields of the entry for models and tools, and one field for the rest. */
export function outcomeEntry(effect: Effect, outcome: { result: JsonValue } | { error: JsonObject }, more: JsonObject = {}): OwnJournalEntry {
  const { effectId, runId, kind, name, details = {} } = effect;
  const common: JsonObject = { effect_id: effectId, ...(kind === 'tool' ? { tool: name } : {}), ...details };
  const isFlat = 'result' in outcome && (kind === 'model' || kind === 'tool');
  return { entryType: outcomeType(kind), runId, data: { ...common, ...(isFlat ? (outcome.result as JsonObject) : outcome), ...more } };
}

/** SHA-256 of a JSON value whose keys are in order. */
export function digestOf(value: JsonValue): string {
  return hash('sha256', JSON.stringify(sortKeys(value)), 'hex');
}

function sortKeys(value: JsonValue | undefined): JsonValue {
  if (Array.isArray(value)) return value.map((each: JsonValue) => sortKeys(each));
  if (typeof value !== 'object' || value === null) return value ?? null;
  return Object.entries(value).filter(([, item]) => item !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sortKeys(item as JsonValue)]);
}
