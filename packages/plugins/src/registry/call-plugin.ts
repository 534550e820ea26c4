import { CortexError, describeError, type Clock, type JsonObject, type Timer } from '@cortex-runtime/core';

import type { GuardedCredentials } from '../credentials/guarded-credentials.ts';
import { ToolAbortedError, ToolOutcomeUnknownError, ToolTimeoutError } from '../errors.ts';
import { PluginActionError, type PluginRateLimitError } from '../protocol/plugin-errors.ts';
import type { PluginResult, ServicePlugin } from '../protocol/service-plugin.ts';
import type { ActionLimiter } from './action-limiter.ts';
import { readResult } from './read-result.ts';
import type { RegisteredAction } from './registered-action.ts';

export interface PluginCall {
  plugin: ServicePlugin;
  action: RegisteredAction;
  params: JsonObject;
  idempotencyKey: string;
  requestedBy: string;
  /** Each of them ends the call. */
  signals: readonly AbortSignal[];
}

/** Time for the plugin to answer after it was told to give up. */
const abortGraceMs = 1_000;

/**
 * Calls the plugin, within the action's time limit.
 *
 * @throws what the plugin threw, as a CortexError; when the call was given up: ToolTimeoutError or ToolAbortedError for an action that may be repeated, else ToolOutcomeUnknownError
 */
export async function callPlugin({ clock, credentials, limiter }: { clock: Clock; credentials: GuardedCredentials; limiter: ActionLimiter }, call: PluginCall): Promise<PluginResult> {
  const { plugin, action, params, idempotencyKey, requestedBy, signals } = call;
  const name = `${plugin.name}.${action.name}`;
  const own = new AbortController();
  const timers: Timer[] = [];
  let givenUp: { isTimeout: boolean; reason: unknown } | undefined;
  let expire: () => void = () => undefined;
  const expired = new Promise<'expired'>((resolve) => {
    expire = () => resolve('expired');
  });
  const giveUp = (why: { isTimeout: boolean; reason: unknown }) => {
    if (givenUp !== undefined) return;
    givenUp = why;
    own.abort(why.reason);
    timers.push(clock.setTimer(abortGraceMs, expire));
  };
  timers.push(clock.setTimer(action.timeoutMs, () => giveUp({ isTimeout: true, reason: new Error(`no answer within ${action.timeoutMs} ms`) })));
  const listeners = signals.map((signal) => {
    const listener = () => giveUp({ isTimeout: false, reason: signal.reason });
    signal.addEventListener('abort', listener, { once: true });
    return () => signal.removeEventListener('abort', listener);
  });

  try {
    // The plugin gets a copy: what was approved stays what was approved.
    const work = (async () => plugin.executeAction(action.name, structuredClone(params), { idempotencyKey, signal: own.signal, requestedBy }))();
    const returned: unknown = await Promise.race([work, expired]);
    if (returned === 'expired') {
      work.catch(() => undefined);
      throw unanswered();
    }
    return credentials.scrubJson(readResult(name, action.isReadOnly, returned) as unknown as JsonObject) as unknown as PluginResult;
  } catch (error) {
    credentials.scrubError(error);
    if (CortexError.is(error)) {
      if (error.code === 'PLUGIN_RATE_LIMIT') limiter.holdOff((error as PluginRateLimitError).retryAfterMs);
      // The plugin knows best whether its call was sent, also when it was told to give up.
      if (givenUp === undefined || error.retryable || error.code === 'TOOL_OUTCOME_UNKNOWN') throw error;
    }
    if (givenUp !== undefined) throw unanswered(error);
    throw new PluginActionError(plugin.name, action.name, describeError(error), { cause: error });
  } finally {
    for (const timer of timers) timer.cancel();
    for (const stop of listeners) stop();
  }

  function unanswered(cause?: unknown): CortexError {
    const options = { cause: cause ?? givenUp?.reason };
    if (action.onUnknown !== 'retry') return new ToolOutcomeUnknownError(name, givenUp?.isTimeout === true ? `it was begun, and no answer came within ${action.timeoutMs} ms` : 'it was begun, and given up before its answer came', options);
    return givenUp?.isTimeout === true ? new ToolTimeoutError(name, action.timeoutMs, options) : new ToolAbortedError(name, options);
  }
}
