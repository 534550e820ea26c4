import { CortexError, describeError, InvalidInputError, type Clock, type JsonObject, type JsonValue } from '@cortex-runtime/core';

import { EffectDeferredError, NonDeterminismError, UnknownOutcomeError } from '../errors.ts';
import type { ProcessLog } from '../process-log.ts';
import type { Projection } from '../projection.ts';
import { digestOf, intentEntry, intentType, outcomeEntry, type Effect } from './effect-entries.ts';
import { findEffect, type EffectRecord, type EffectsState } from './effects-projection.ts';

/** One execution of an effect. */
export interface EffectAttempt {
  /** 1 for the first. */
  attempt: number;
  /** The same on every attempt: hand it to the outside, which can then tell a repetition. */
  idempotencyKey: string;
  /** What an earlier attempt was deferred for, when one was. */
  waitedFor?: JsonObject;
  /** A person has decided that it is done once more, whatever became of it before. */
  mayRepeat?: true;
}

/** What the outside says about an effect that was begun. */
export type ProbeAnswer = { happened: true; result: JsonValue } | { happened: false } | { happened: 'unknown' };

export interface EffectToRun extends Effect {
  /** Waits until the intent is on stable storage before it executes. Default: unless the effect may be repeated, then the outcome's sync covers both. */
  syncIntent?: boolean;
  /** For effects with `onUnknown: 'probe'`. */
  probe?: (attempt: EffectAttempt) => Promise<ProbeAnswer>;
}

export interface EffectOutcome {
  result: JsonValue;
  /** Where it comes from: `execution` only when the effect was carried out by this very call. */
  from: 'execution' | 'journal' | 'probe' | 'operator';
}

/** How a person settles an effect whose outcome nobody knows. */
export interface EffectResolution {
  resolution: 'happened' | 'not-happened' | 'retry';
  result?: JsonValue;
  by: string;
}

/** An effect that was not begun, because something outside has to come first. */
export interface DeferredEffect {
  effectId: string;
  runId: string;
  name: string;
  waitsFor: JsonObject;
}

/**
 * Carries out effects so that each has one recorded outcome: intent on disk, do it, outcome on disk, use it.
 *
 * A recorded outcome is served, never carried out again. An effect that failed for certain may be begun again. One that was begun and has no outcome is treated
 * as it declares: begun again, asked about outside, or left for a person to settle. One whose execution throws EffectDeferredError was not begun: it waits for `resume`, and its run
 * with it. A journal that does not keep effects (level `checkpoint`) just carries them out, and keeps which one is deferred.
 */
export class EffectLog {
  readonly #log: ProcessLog<{ effects: Projection<EffectsState> }>;
  readonly #clock: Clock;

  constructor(deps: { log: ProcessLog<{ effects: Projection<EffectsState> }>; clock: Clock }) {
    this.#log = deps.log;
    this.#clock = deps.clock;
  }

  /**
   * @throws UnknownOutcomeError when nobody knows whether it happened: the run has to wait for `resolve`
   * @throws EffectDeferredError when something outside has to come first: the run has to wait for `resume`
   * @throws NonDeterminismError when another effect is recorded under this id
   * @throws whatever `execute` throws, after its failure was recorded
   */
  async run(effect: EffectToRun, execute: (attempt: EffectAttempt) => Promise<JsonValue>): Promise<EffectOutcome> {
    const { [effect.effectId]: known } = this.#log.states.effects.runs[effect.runId] ?? {};
    if (!this.#log.records(intentType(effect.kind))) return { result: await this.#attempt(effect, attemptOf(effect, 1, known), execute), from: 'execution' };
    if (known === undefined) return this.#execute(effect, undefined, execute);
    assertSame(effect, known);
    switch (known.status) {
      case 'done':
        return { result: resultOf(effect, known), from: 'journal' };
      case 'failed':
      case 'retry':
      case 'resumed':
        return this.#execute(effect, known, execute);
      case 'deferred':
        throw new EffectDeferredError(effect.effectId, effect.name, known.reason ?? 'it waits', known.waits_for ?? {});
      case 'unknown':
        throw new UnknownOutcomeError(effect.effectId, effect.name, known.reason ?? 'it was interrupted');
      case 'not-happened':
        // An agent is told and decides; anything else was to happen, so it does now.
        if (effect.kind !== 'tool') return this.#execute(effect, known, execute);
        return this.#record(effect, { result: toldResult(effect, known) }, 'operator');
      case 'happened':
        return this.#record(effect, { result: toldResult(effect, known) }, 'operator');
      case 'intent':
        return this.#settleInterrupted(effect, known, execute);
    }
  }

  /** What a person says about an effect; the run goes on with it. @throws InvalidInputError when the effect does not wait for an answer */
  async resolve(effectId: string, { resolution, result, by }: EffectResolution): Promise<void> {
    const found = findEffect(this.#log.states.effects, effectId);
    if (found === undefined) throw new InvalidInputError('effectId', `${effectId} is no effect of an open run`);
    if (found.record.status !== 'unknown') throw new InvalidInputError('effectId', `${effectId} does not wait for an answer: it is ${found.record.status}`);
    const data: JsonObject = { effect_id: effectId, resolution, by, ...(result === undefined ? {} : { result }) };
    await this.#log.record([{ entryType: 'effect_resolved', runId: found.runId, data }]).durable;
  }

  /** Effects that wait for a person. */
  waiting(): { effectId: string; runId: string; name: string; reason: string }[] {
    return Object.entries(this.#log.states.effects.runs).flatMap(([runId, effects]) =>
      Object.entries(effects).flatMap(([effectId, { status, name, reason }]) => (status === 'unknown' ? [{ effectId, runId, name, reason: reason ?? '' }] : [])),
    );
  }

  /** Lets a deferred effect be begun: what it waited for has come. @returns false when it does not wait; nothing was recorded then */
  async resume(effectId: string): Promise<boolean> {
    const found = findEffect(this.#log.states.effects, effectId);
    if (found?.record.status !== 'deferred') return false;
    await this.#log.record([{ entryType: 'effect_resumed', runId: found.runId, data: { effect_id: effectId } }]).durable;
    return true;
  }

  /** Effects that wait for something outside before they are begun. */
  deferred(): DeferredEffect[] {
    return Object.entries(this.#log.states.effects.runs).flatMap(([runId, effects]) =>
      Object.entries(effects).flatMap(([effectId, { status, name, waits_for: waitsFor = {} }]) => (status === 'deferred' ? [{ effectId, runId, name, waitsFor }] : [])),
    );
  }

  async #settleInterrupted(effect: EffectToRun, known: EffectRecord, execute: (attempt: EffectAttempt) => Promise<JsonValue>): Promise<EffectOutcome> {
    if (effect.onUnknown === 'retry') return this.#execute(effect, known, execute);
    // Whoever is asked now may know nothing of a call that began when a person was to be asked.
    if (effect.onUnknown === 'probe' && known.on_unknown !== 'ask' && effect.probe !== undefined) {
      const answer = await effect.probe(attemptOf(effect, known.attempt, known));
      if (answer.happened === true) return this.#record(effect, { result: answer.result }, 'probe');
      if (answer.happened === false) return this.#execute(effect, known, execute);
    }
    return this.#park(effect, 'it was begun, and its outcome was not recorded');
  }

  async #execute(effect: EffectToRun, known: EffectRecord | undefined, execute: (attempt: EffectAttempt) => Promise<JsonValue>): Promise<EffectOutcome> {
    const attempt = attemptOf(effect, (known?.attempt ?? 0) + 1, known);
    const intent = this.#log.record([intentEntry(effect, attempt.attempt)]);
    if (effect.syncIntent ?? effect.onUnknown !== 'retry') await intent.durable;
    const startedAt = this.#clock.monotonic();
    let result: JsonValue;
    try {
      result = await this.#attempt(effect, attempt, execute);
    } catch (error) {
      if (isDeferred(error)) throw error;
      if (isOutcomeUnknown(error)) {
        if (effect.onUnknown === 'retry') throw error; // the next run of it is the next attempt
        return this.#park(effect, describeError(error), error);
      }
      const type = CortexError.is(error) ? error.code : error instanceof Error ? error.name : typeof error;
      await this.#log.record([outcomeEntry(effect, { error: { type, message: describeError(error).slice(0, 1_000) } })]).durable;
      throw error;
    }
    const isTimed = (effect.kind === 'model' || effect.kind === 'tool') && (result as JsonObject)['duration_ms'] === undefined;
    const more = isTimed ? { duration_ms: Math.round(this.#clock.monotonic() - startedAt) } : {};
    await this.#log.record([outcomeEntry(effect, { result }, more)]).durable;
    return { result, from: 'execution' };
  }

  /** Executes it; that it was deferred is recorded before it is told. */
  async #attempt(effect: EffectToRun, attempt: EffectAttempt, execute: (attempt: EffectAttempt) => Promise<JsonValue>): Promise<JsonValue> {
    try {
      return await execute(attempt);
    } catch (error) {
      if (isDeferred(error)) {
        const { effectId, runId, kind, name } = effect;
        await this.#log.record([{ entryType: 'effect_deferred', runId, data: { effect_id: effectId, kind, name, reason: error.reason, waits_for: error.waitsFor } }]).durable;
      }
      throw error;
    }
  }

  async #record(effect: EffectToRun, outcome: { result: JsonValue }, from: 'probe' | 'operator'): Promise<EffectOutcome> {
    await this.#log.record([outcomeEntry(effect, outcome, { served_by: from })]).durable;
    return { result: outcome.result, from };
  }

  async #park(effect: EffectToRun, reason: string, cause?: unknown): Promise<never> {
    await this.#log.record([{ entryType: 'effect_unknown', runId: effect.runId, data: { effect_id: effect.effectId, name: effect.name, reason } }]).durable;
    throw new UnknownOutcomeError(effect.effectId, effect.name, reason, { cause });
  }
}

function attemptOf(effect: Effect, attempt: number, known: EffectRecord | undefined): EffectAttempt {
  return {
    attempt,
    idempotencyKey: effect.idempotencyKey ?? effect.effectId,
    ...(known?.waits_for === undefined ? {} : { waitedFor: known.waits_for }),
    ...(known?.status === 'retry' ? { mayRepeat: true } : {}),
  };
}

/** By code: two copies of this package can be installed. */
const isDeferred = (error: unknown): error is EffectDeferredError => CortexError.is(error) && error.code === 'EFFECT_DEFERRED';

/** An effect that was aborted, or says so itself, may have happened. */
function isOutcomeUnknown(error: unknown): boolean {
  if (CortexError.is(error) && /(^|_)(OUTCOME|EFFECT)_UNKNOWN$/.test(error.code)) return true;
  return error instanceof Error && error.name === 'AbortError';
}

function assertSame(effect: Effect, known: EffectRecord): void {
  // The recorded answer of a model counts, whatever a later version of the code would have asked.
  if (effect.kind === known.kind && (known.input_digest === null || (effect.name === known.name && digestOf(effect.input) === known.input_digest))) return;
  const asked = JSON.stringify(effect.input).slice(0, 200);
  throw new NonDeterminismError(effect.effectId, `${known.kind} ${known.name} (input ${known.input_digest?.slice(0, 12) ?? 'any'})`, `${effect.kind} ${effect.name} with ${asked} (input ${digestOf(effect.input).slice(0, 12)})`);
}

function resultOf(effect: Effect, { outcome }: EffectRecord): JsonValue {
  if (effect.kind !== 'model' && effect.kind !== 'tool') return outcome?.['result'] ?? null;
  const { tool: _, served_by: __, ...result } = outcome ?? {};
  for (const key of Object.keys(effect.details ?? {})) delete (result as Record<string, unknown>)[key];
  return result;
}

function toldResult(effect: Effect, { status, outcome }: EffectRecord): JsonValue {
  const told = outcome?.['result'];
  if (effect.kind !== 'tool') return told ?? null;
  if (status === 'not-happened') return { content: 'This call was interrupted, and a person confirmed that it did not happen. Decide whether to make it again.', is_error: true };
  if (typeof told === 'object' && told !== null && !Array.isArray(told)) return { is_error: false, ...told };
  return { content: told ?? 'This call happened, as a person confirmed; its result is not known.', is_error: false };
}
