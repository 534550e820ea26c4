import type { JsonObject, JsonValue } from '@cortex-runtime/core';

import type { ActionTier } from '../action-tier.ts';
import type { OnUnknown } from '../tool.ts';
import type { CredentialBroker } from './credential-broker.ts';
import type { PluginHealthReport } from './plugin-health.ts';

/** How often an action may be called. */
export interface RateLimit {
  calls: number;
  /** Milliseconds of the window, which slides. */
  perMs: number;
}

/** What a plugin says about one of its actions. */
export interface PluginActionInfo {
  /** Letters, digits, `_` and `-`. Agents see `<plugin>__<action>`. */
  readonly name: string;
  readonly description: string;
  /** Default `auto`. */
  readonly tier?: ActionTier;
  /** JSON Schema of the parameters, an object; anything goes when left out. */
  readonly parameters?: JsonObject;
  /** Joined with the schema's `required`. */
  readonly requiredParameters?: readonly string[];
  /** It changes nothing outside. Default false. */
  readonly isReadOnly?: boolean;
  /** What is done with a call of which nobody knows whether it happened. Default `retry` when it only reads, else `ask`. */
  readonly onUnknown?: OnUnknown;
  /** Milliseconds; the registry's `timeoutMs` when left out. */
  readonly timeoutMs?: number;
  /** Calls at the same time; the registry's `concurrency` when left out. */
  readonly concurrency?: number;
  readonly rateLimit?: RateLimit;
}

/** How an action ended. Everything in it is plain JSON. */
export interface PluginResult {
  readonly success: boolean;
  readonly data?: JsonValue | undefined;
  /** What a model is told; `data` as JSON when left out. */
  readonly content?: string | undefined;
  /** Why it did not succeed. */
  readonly error?: string | undefined;
  readonly metadata?: JsonObject | undefined;
}

/** What a plugin may know of one call. */
export interface ActionCall {
  /** The same on every attempt of this call: hand it to the service, where the service takes one. */
  readonly idempotencyKey: string;
  /** Aborted when the call is given up: after its time limit, or with the run. */
  readonly signal: AbortSignal;
  /** The agent or person on whose behalf it is. */
  readonly requestedBy: string;
}

export interface PluginSetupContext {
  /** Aborted when setup takes too long or the plugin is unloaded. */
  readonly signal: AbortSignal;
  /** What the operator has set for this plugin: addresses, defaults; nothing secret. */
  readonly settings: JsonObject;
}

/**
 * Access to an outside service, as a few actions. A plugin is registered, set up once before its first action, and torn down once.
 *
 * A thrown error with `retryable: true` says that nothing was done (or that doing it again is harmless); any other says that the call failed;
 * `ToolOutcomeUnknownError` says that nobody knows.
 */
export interface ServicePlugin {
  /** Letters and digits, with single `_` or `-` in between, at most 40. */
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** `listActions` is asked again whenever actions are needed. Default false: asked once, before setup. */
  readonly hasChangingActions?: boolean;
  /** Called before the first action, never twice at a time, and again after it has failed. */
  setup(broker: CredentialBroker, context: PluginSetupContext): Promise<void> | void;
  teardown(): Promise<void> | void;
  listActions(): readonly PluginActionInfo[] | Promise<readonly PluginActionInfo[]>;
  /** `params` fit the action's schema. */
  executeAction(action: string, params: JsonObject, call: ActionCall): Promise<PluginResult>;
  /** For `onUnknown: 'probe'`: whether the call with this idempotency key happened. Throws when it can not tell. */
  probeAction?(action: string, params: JsonObject, call: ActionCall): Promise<{ happened: true; result: PluginResult } | { happened: false }>;
  health(): Promise<PluginHealthReport>;
}

/** What every plugin has. */
export const pluginMethods = ['setup', 'teardown', 'listActions', 'executeAction', 'health'] as const satisfies readonly (keyof ServicePlugin)[];
