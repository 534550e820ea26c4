import type { JsonValue } from '@cortex-runtime/core';

import type { EffectsState } from '../run/effects-projection.ts';
import type { MailboxState } from '../mailbox/mailbox-projection.ts';

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

export function waitingEffects(states: { effects: EffectsState; mailbox: MailboxState }): WaitingEffect[] {
  if (states.effects.unknown_count === 0) return [];
  const waiting: WaitingEffect[] = [];
  for (const [effectId, record] of Object.entries(states.effects.effects)) {
    if (record.status !== 'unknown') continue;
    const key = states.mailbox.runs[record.run_id];
    waiting.push({
      effect_id: effectId,
      run_id: record.run_id,
      event_id: key === undefined ? null : (states.mailbox.pending[key]?.event.event_id ?? null),
      tool: record.name,
      args: record.input['args'] ?? null,
      idempotency_key: record.idempotency_key,
      since: record.since,
      reason: record.reason ?? '',
    });
  }
  return waiting;
}
