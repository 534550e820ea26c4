import type { JsonObject, JsonValue } from '@cortex-runtime/core';
import type { Journal } from '@cortex-runtime/journal';

import { UnknownEffectError } from '../errors.ts';
import type { ProcessStates } from './process-projections.ts';
import type { ProcessRecord } from './process-record.ts';

/** A call of which nobody knows whether it happened, with what a person needs to decide; in document form. */
export interface WaitingEffect {
  effect_id: string;
  run_id: string;
  event_id: string | null;
  tool: string;
  args: JsonValue;
  idempotency_key: string;
  /** ISO 8601 of the call. */
  since: string;
  reason: string;
}

/** The effects that wait, with the call as it stands in the journal. */
export async function waitingEffects(states: ProcessStates, journal: Journal, processId: string): Promise<WaitingEffect[]> {
  const waiting: WaitingEffect[] = [];
  for (const [runId, effects] of Object.entries(states.effects.runs)) {
    for (const [effectId, record] of Object.entries(effects)) {
      if (record.status !== 'unknown') continue;
      const [intent] = await journal.read(processId, { sinceSeq: record.intent_seq - 1, untilSeq: record.intent_seq });
      const key = states.mailbox.runs[runId];
      waiting.push({
        effect_id: effectId,
        run_id: runId,
        event_id: key === undefined ? null : (states.mailbox.pending[key]?.event.event_id ?? null),
        tool: record.name,
        args: intent?.data['args'] ?? null,
        idempotency_key: record.idempotency_key,
        since: intent?.timestamp ?? '',
        reason: record.reason ?? '',
      });
    }
  }
  return waiting;
}

/**
 * Records how a person settles an effect.
 *
 * @param onResolve - told of the run before the decision is recorded
 * @throws UnknownEffectError when no such effect waits
 */
export async function resolveWaitingEffect(
  record: ProcessRecord,
  effectId: string,
  resolution: 'happened' | 'not-happened' | 'retry',
  { by, result }: { by: string; result?: JsonValue },
  onResolve: (runId: string) => void,
): Promise<void> {
  const waiting = record.effects.waiting();
  const effect = waiting.find((candidate) => candidate.effectId === effectId);
  if (effect === undefined) throw new UnknownEffectError(effectId, waiting.map((candidate) => candidate.effectId));
  onResolve(effect.runId);
  await record.effects.resolve(effectId, { resolution, by, ...(result === undefined ? {} : { result: toldResult(result) }) });
}

/** What a person says a call gave, as the tool would have said it. */
function toldResult(result: JsonValue): JsonObject {
  return typeof result === 'string' ? { content: result, is_error: false } : { content: JSON.stringify(result), structured: result, is_error: false };
}
