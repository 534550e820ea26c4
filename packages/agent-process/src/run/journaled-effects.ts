import { assertJsonValue, CortexError, describeError, RuntimeBaseError, type JsonObject, type JsonValue } from '@cortex-runtime/core';
import type { PendingWrite } from '@cortex-runtime/journal';

import type { OwnEntry } from '../mailbox/mailbox-worker.ts';
import type { Effect, EffectOutcome, EffectRunner } from './effect-runner.ts';
import type { EffectRecord, EffectsState } from './effects-projection.ts';

/** A run that was taken up again does something else than before at the same place. */
export class NonDeterminismError extends RuntimeBaseError {
  override readonly code = 'NON_DETERMINISM';
  readonly effectId: string;

  constructor(effectId: string, recorded: string, now: string) {
    super(`effect ${effectId} was recorded as ${recorded} and is now ${now}; a recorded run can only go on with the same calls`);
    this.effectId = effectId;
  }
}

export interface JournaledEffectsPorts {
  state(): EffectsState;
  record(entries: readonly OwnEntry[]): PendingWrite;
  level(): string;
}

/** {@link EffectRunner} over the agent's journal. Below level `full` effects are executed without a record. */
export class JournaledEffects implements EffectRunner {
  readonly #ports: JournaledEffectsPorts;

  constructor(ports: JournaledEffectsPorts) {
    this.#ports = ports;
  }

  /** Whether an effect of this run waits for a person. */
  isParked(runId: string): boolean {
    const { runs, effects, unknown_count } = this.#ports.state();
    return unknown_count > 0 && (runs[runId] ?? []).some((effectId) => effects[effectId]?.status === 'unknown');
  }

  async run(effect: Effect, execute: (attempt: { number: number; idempotencyKey: string }) => Promise<JsonObject>): Promise<EffectOutcome> {
    const { effectId } = effect;
    if (this.#ports.level() !== 'full') return { status: 'done', outcome: await execute({ number: 1, idempotencyKey: effectId }), served: false };
    const { effects } = this.#ports.state();
    const known = Object.hasOwn(effects, effectId) ? effects[effectId] : undefined;
    if (known === undefined) return this.#execute(effect, 1, execute);
    assertSame(effect, known);
    switch (known.status) {
      case 'done':
        return { status: 'done', outcome: known.outcome ?? {}, served: true };
      case 'unknown':
        return { status: 'unknown', effectId, reason: known.reason ?? '' };
      case 'retry':
        return this.#execute(effect, known.attempt + 1, execute);
      case 'intent':
        return this.#settleUnknown(effect, known, execute);
    }
  }

  /** A person has settled an effect. @see AgentProcess.resolveEffect */
  async resolve(effectId: string, resolution: 'happened' | 'not-happened' | 'retry', options: { result?: JsonValue; by?: string } = {}): Promise<void> {
    const record = this.#ports.state().effects[effectId];
    if (record === undefined) return;
    if (options.result !== undefined) assertJsonValue(options.result, 'result');
    const entries: OwnEntry[] = [
      { entryType: 'effect_resolved', runId: record.run_id, data: { effect_id: effectId, resolution, by: options.by ?? 'operator', ...(options.result === undefined ? {} : { result: options.result }) } },
    ];
    if (resolution !== 'retry') {
      const told = options.result === undefined ? 'An operator confirmed that this call happened; its result is not known.' : typeof options.result === 'string' ? options.result : JSON.stringify(options.result);
      const content = resolution === 'happened' ? told : 'This call was interrupted; an operator confirmed that it did not happen. Decide whether to make it again.';
      entries.push({
        entryType: 'tool_result',
        runId: record.run_id,
        data: { effect_id: effectId, tool: record.name, tool_call_id: record.input['tool_call_id'] ?? null, content, is_error: resolution === 'not-happened', served_by: 'operator' },
      });
    }
    await this.#ports.record(entries).durable;
  }

  async #settleUnknown(effect: Effect, known: EffectRecord, execute: (attempt: { number: number; idempotencyKey: string }) => Promise<JsonObject>): Promise<EffectOutcome> {
    if (effect.onUnknown === 'retry') return this.#execute(effect, known.attempt + 1, execute);
    if (effect.onUnknown === 'probe' && effect.probe !== undefined) {
      const found = await effect.probe().catch((error: unknown) => ({ happened: undefined, reason: describeError(error) }));
      if (found.happened === true) return { status: 'done', outcome: await this.#recordOutcome(effect, found.outcome), served: false };
      if (found.happened === false) return this.#execute(effect, known.attempt + 1, execute);
    }
    return this.#park(effect, 'the call was begun and its outcome was not recorded');
  }

  async #execute(effect: Effect, attempt: number, execute: (attempt: { number: number; idempotencyKey: string }) => Promise<JsonObject>): Promise<EffectOutcome> {
    const intent = this.#ports.record([intentEntry(effect, attempt)]);
    // What may be repeated needs no proof that it was begun; its outcome's sync covers the intent.
    if (effect.onUnknown !== 'retry') await intent.durable;
    let outcome: JsonObject;
    try {
      outcome = await execute({ number: attempt, idempotencyKey: effect.effectId });
    } catch (error) {
      if (CortexError.is(error) && error.code === 'TOOL_OUTCOME_UNKNOWN') {
        if (effect.onUnknown === 'retry') throw error;
        return this.#park(effect, describeError(error));
      }
      await this.#ports.record([{ entryType: effect.kind === 'model' ? 'llm_result' : 'tool_result', runId: effect.runId, data: { effect_id: effect.effectId, error: { type: errorType(error), message: describeError(error).slice(0, 1_000) } } }]).durable;
      throw error;
    }
    return { status: 'done', outcome: await this.#recordOutcome(effect, outcome), served: false };
  }

  async #recordOutcome(effect: Effect, outcome: JsonObject): Promise<JsonObject> {
    const data: JsonObject = { effect_id: effect.effectId, ...(effect.kind === 'tool' ? { tool: effect.name } : {}), ...effect.kind === 'model' ? effect.input : {}, ...outcome };
    await this.#ports.record([{ entryType: effect.kind === 'model' ? 'llm_result' : 'tool_result', runId: effect.runId, data }]).durable;
    return outcome;
  }

  async #park(effect: Effect, reason: string): Promise<EffectOutcome> {
    await this.#ports.record([{ entryType: 'effect_unknown', runId: effect.runId, data: { effect_id: effect.effectId, name: effect.name, reason } }]).durable;
    return { status: 'unknown', effectId: effect.effectId, reason };
  }
}

function intentEntry(effect: Effect, attempt: number): OwnEntry {
  const common = { effect_id: effect.effectId, idempotency_key: effect.effectId, attempt, on_unknown: effect.onUnknown };
  return effect.kind === 'model'
    ? { entryType: 'llm_call', runId: effect.runId, data: { ...common, model: effect.name, ...effect.input } }
    : { entryType: 'tool_call', runId: effect.runId, data: { ...common, tool: effect.name, ...effect.input } };
}

function assertSame(effect: Effect, known: EffectRecord): void {
  // Another model may go on with a run; another tool, or the same with other arguments, can not.
  if (effect.kind === known.kind && (effect.kind === 'model' || (effect.name === known.name && JSON.stringify(effect.input) === JSON.stringify(known.input)))) return;
  throw new NonDeterminismError(effect.effectId, `${known.kind} ${known.name} ${JSON.stringify(known.input).slice(0, 200)}`, `${effect.kind} ${effect.name} ${JSON.stringify(effect.input).slice(0, 200)}`);
}

function errorType(error: unknown): string {
  return CortexError.is(error) ? error.code : error instanceof Error ? error.name : typeof error;
}
