import type { JsonObject } from '@cortex-runtime/core';
import type { OnUnknown } from '@cortex-runtime/plugins';

/** Something that a run does to the world, or asks of it. */
export interface Effect {
  /** Unique within the process, and the same when the run is taken up again. */
  effectId: string;
  runId: string;
  kind: 'model' | 'tool';
  /** Name of the model or tool. */
  name: string;
  /** Goes into the intent entry. A later attempt with another name or input is a NonDeterminismError. */
  input: JsonObject;
  onUnknown: OnUnknown;
  /** Asks the outside whether it happened; only for `onUnknown: 'probe'`. */
  probe?: () => Promise<{ happened: true; outcome: JsonObject } | { happened: false }>;
}

/** How an effect ended. */
export type EffectOutcome =
  /** Executed now, or served from the journal. */
  | { status: 'done'; outcome: JsonObject; served: boolean }
  /** Nobody knows whether it happened; a person decides, and the run waits. */
  | { status: 'unknown'; effectId: string; reason: string };

/**
 * Runs effects once: intent, execution, outcome. A recorded outcome is served; an intent without one is handled as `onUnknown` says.
 * An `execute` that throws ToolOutcomeUnknownError leaves the outcome unknown; any other error is recorded as not having an outcome that counts, and is thrown on.
 */
export interface EffectRunner {
  run(effect: Effect, execute: (attempt: { number: number; idempotencyKey: string }) => Promise<JsonObject>): Promise<EffectOutcome>;
}
