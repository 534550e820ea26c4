import { jitteredBackoffMs, sleep, type Clock, type Random } from '@cortex-runtime/core';

import { ModelAbortedError, ModelError, ModelRateLimitedError, ModelTimeoutError, ModelUnavailableError } from '../errors.ts';
import type { ModelProviderDeps } from '../provider-options.ts';
import { modelErrorFrom } from './provider-error.ts';

/** One attempt: a call of the provider with its own deadline. */
export interface Attempt {
  /** Whether any part of an answer has come; from then on nothing is tried again. */
  hasBegun: boolean;
  /** Aborted when the caller aborts, when the time is up, and when the attempt is over. */
  readonly signal: AbortSignal;
  /** Rejects when the caller aborts or the time is up. */
  readonly ended: Promise<never>;
  stop(): void;
}

/** How long an attempt may take, and when another follows. */
export interface RetrySettings {
  timeoutMs: number;
  maxRetries: number;
  retryBaseMs: number;
  retryMaxMs: number;
}

export type AttemptDeps = Pick<ModelProviderDeps, 'clock' | 'random' | 'logger'>;

/** @throws ModelAbortedError, ModelTimeoutError through `ended` */
export function startAttempt(clock: Clock, modelId: string, timeoutMs: number, signal: AbortSignal | undefined): Attempt {
  const controller = new AbortController();
  let fail: (error: ModelError) => void = () => undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    fail = (error) => {
      reject(error);
      controller.abort(error);
    };
  });
  ended.catch(() => undefined);
  const onAbort = () => fail(abortedError(modelId, signal));
  const timer = clock.setTimer(timeoutMs, () => fail(new ModelTimeoutError(modelId, `${modelId} did not answer within ${timeoutMs} ms`)));
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    hasBegun: false,
    signal: controller.signal,
    ended,
    stop() {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      controller.abort();
    },
  };
}

/**
 * Waits for the next attempt after one that threw.
 *
 * @throws the error of the attempt, as one of ours, when it is for the caller: it can not pass, an answer had begun, or there were enough attempts
 */
export async function waitToRetry(deps: AttemptDeps, thrown: unknown, call: { modelId: string; secrets: readonly string[]; attempt: Attempt; retries: number; signal: AbortSignal | undefined }, settings: RetrySettings): Promise<void> {
  const { modelId, secrets, attempt, retries, signal } = call;
  const error = thrown instanceof ModelError ? thrown : modelErrorFrom(thrown, { modelId, hasBegun: attempt.hasBegun, now: deps.clock.now(), secrets });
  const waitMs = attempt.hasBegun || retries >= settings.maxRetries ? undefined : retryWaitMs(error, retries, settings, deps.random);
  if (waitMs === undefined) throw error;
  deps.logger.warn({ modelId, code: error.code, status: error.status, retry: retries + 1, waitMs }, 'model call failed; trying again');
  await sleep(deps.clock, waitMs, signal).catch(() => {
    throw abortedError(modelId, signal);
  });
}

/** Milliseconds to wait, or undefined when the same call would fail again, or only after too long. */
function retryWaitMs(error: ModelError, retries: number, settings: RetrySettings, random: Random): number | undefined {
  if (!(error instanceof ModelRateLimitedError || error instanceof ModelUnavailableError)) return undefined;
  if (error.retryAfterMs !== undefined) return error.retryAfterMs <= settings.retryMaxMs ? error.retryAfterMs : undefined;
  return jitteredBackoffMs(retries + 1, { baseMs: settings.retryBaseMs, maxMs: settings.retryMaxMs }, random);
}

function abortedError(modelId: string, signal: AbortSignal | undefined): ModelAbortedError {
  return new ModelAbortedError(modelId, `the call of ${modelId} was aborted`, { cause: signal?.reason });
}
