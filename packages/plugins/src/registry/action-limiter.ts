import type { Clock } from '@cortex-runtime/core';

import { ToolAbortedError } from '../errors.ts';
import { PluginBusyError, PluginRateLimitError } from '../protocol/plugin-errors.ts';
import type { RegisteredAction } from './registered-action.ts';

/** How many calls of one action run, wait and have run lately. */
export interface ActionLimiter {
  /**
   * Waits for a free place, first come first served; the returned function gives it back.
   *
   * @throws PluginRateLimitError, PluginBusyError, or what the signal was aborted with; no place is taken then
   */
  enter(action: Pick<RegisteredAction, 'concurrency' | 'rateLimit'>, signal: AbortSignal): Promise<() => void>;
  /** The service has said that it wants no call for a while. */
  holdOff(delayMs: number): void;
}

export function actionLimiter({ clock }: { clock: Clock }, names: { plugin: string; action: string }, options: { maxQueued: number; queueTimeoutMs: number }): ActionLimiter {
  const { plugin, action } = names;
  const waiting: (() => void)[] = [];
  let begun: number[] = [];
  let running = 0;
  let notBefore = 0;

  function leave(): () => void {
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next(); // the place goes straight to who waited longest
    };
  }

  function assertRate(rateLimit: RegisteredAction['rateLimit']): void {
    const now = clock.monotonic();
    if (now < notBefore) throw new PluginRateLimitError(plugin, action, notBefore - now);
    if (rateLimit === undefined) return;
    begun = begun.filter((at) => at > now - rateLimit.perMs);
    const first = begun[begun.length - rateLimit.calls];
    if (first !== undefined) throw new PluginRateLimitError(plugin, action, first + rateLimit.perMs - now);
    begun.push(now);
  }

  return {
    async enter({ concurrency, rateLimit }, signal) {
      if (signal.aborted) throw new ToolAbortedError(`${plugin}.${action}`, { cause: signal.reason });
      if (running >= concurrency && waiting.length >= options.maxQueued) throw new PluginBusyError(plugin, action, `${running} calls are under way and ${waiting.length} wait; try again later`);
      assertRate(rateLimit);
      if (running < concurrency) running += 1;
      else await place(signal);
      return leave();
    },
    holdOff(delayMs) {
      notBefore = Math.max(notBefore, clock.monotonic() + delayMs);
    },
  };

  function place(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
      };
      const take = () => {
        stop();
        resolve();
      };
      const giveUp = (error: Error) => {
        stop();
        waiting.splice(waiting.indexOf(take), 1);
        reject(error);
      };
      const onAbort = () => giveUp(new ToolAbortedError(`${plugin}.${action}`, { cause: signal.reason }));
      const timer = clock.setTimer(options.queueTimeoutMs, () => giveUp(new PluginBusyError(plugin, action, `no place became free within ${options.queueTimeoutMs} ms`)));
      signal.addEventListener('abort', onAbort, { once: true });
      waiting.push(take);
    });
  }
}
