import { backoffMs, describeError, sleep, type Clock, type JsonObject, type Logger } from '@cortex-runtime/core';

import type { GuardedCredentials } from '../credentials/guarded-credentials.ts';
import { PluginSetupError, PluginUnloadedError } from '../protocol/plugin-errors.ts';
import type { ServicePlugin } from '../protocol/service-plugin.ts';
import type { PluginRegistrySettings } from './registry-options.ts';

/** *pending* → (first use) → *setting_up* → *ready*; a failed setup leads back to *pending*; unloading ends it from any state. */
export type PluginState = 'pending' | 'setting_up' | 'ready' | 'unloaded';

/** The life of one registered plugin. */
export interface PluginSlot {
  readonly state: PluginState;
  /** Why the last setup failed. */
  readonly setupError: string | undefined;
  /** Aborted when the plugin is unloaded. */
  readonly closing: AbortSignal;
  /** Sets the plugin up unless that is done. Callers at the same time share one setup. */
  ensureReady(signal?: AbortSignal): Promise<void>;
  /** Runs `work` so that unloading waits for it. */
  use<T>(work: () => Promise<T>): Promise<T>;
  /** Ends it: waits for calls under way, aborts those that go on, and tears down what was set up. */
  unload(): Promise<void>;
}

/** Time for a call to answer after it was told to give up. */
const abortGraceMs = 1_000;

/** @param readSettings - what the operator has set for the plugin, read for each setup; throws when it can not be */
export function pluginSlot(deps: { clock: Clock; logger: Logger; credentials: GuardedCredentials; readSettings: () => JsonObject }, plugin: ServicePlugin, settings: PluginRegistrySettings): PluginSlot {
  const { clock, logger, credentials, readSettings } = deps;
  const { name } = plugin;
  const closing = new AbortController();
  let state: PluginState = 'pending';
  let setupError: string | undefined;
  let settingUp: Promise<void> | undefined;
  let failures = 0;
  let notBefore = 0;
  let inUse = 0;
  let onIdle: () => void = () => undefined;
  let unloading: Promise<void> | undefined;

  async function setUp(): Promise<void> {
    const waitMs = notBefore - clock.monotonic();
    if (waitMs > 0) await sleep(clock, waitMs, closing.signal);
    closing.signal.throwIfAborted();
    const giveUp = new AbortController();
    const onClosing = () => giveUp.abort(closing.signal.reason);
    closing.signal.addEventListener('abort', onClosing, { once: true });
    const timer = clock.setTimer(settings.setupTimeoutMs, () => giveUp.abort(new Error(`setup took longer than ${settings.setupTimeoutMs} ms`)));
    state = 'setting_up';
    try {
      await plugin.setup(credentials.broker, { signal: giveUp.signal, settings: readSettings() });
      state = 'ready';
      setupError = undefined;
      failures = 0;
      logger.info({}, 'plugin ready');
    } catch (error) {
      credentials.scrubError(error);
      state = 'pending';
      setupError = describeError(error);
      failures += 1;
      notBefore = clock.monotonic() + backoffMs(failures, { baseMs: settings.setupRetryBaseMs, maxMs: settings.setupRetryMaxMs });
      logger.warn({ error: setupError, failures }, 'plugin setup failed');
      throw new PluginSetupError(name, `failed: ${setupError}`, { cause: error });
    } finally {
      timer.cancel();
      closing.signal.removeEventListener('abort', onClosing);
    }
  }

  const slot: PluginSlot = {
    get state() {
      return unloading === undefined ? state : 'unloaded';
    },
    get setupError() {
      return setupError;
    },
    closing: closing.signal,
    async ensureReady(signal) {
      if (unloading !== undefined) throw new PluginUnloadedError(name);
      if (state === 'ready') return;
      settingUp ??= setUp().finally(() => {
        settingUp = undefined;
      });
      // Nobody sets up a second time while the first attempt goes on: a waiter gives up, the attempt does not.
      await within(clock, settingUp, settings.setupTimeoutMs + settings.setupRetryMaxMs + abortGraceMs, () => new PluginSetupError(name, 'is still under way and does not react to being given up'), signal);
      if (unloading !== undefined) throw new PluginUnloadedError(name);
    },
    async use(work) {
      if (unloading !== undefined) throw new PluginUnloadedError(name);
      inUse += 1;
      try {
        return await work();
      } finally {
        inUse -= 1;
        if (inUse === 0) onIdle();
      }
    },
    unload() {
      unloading ??= unload();
      return unloading;
    },
  };

  async function unload(): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      onIdle = resolve;
      if (inUse === 0) resolve();
    });
    const patience = (work: Promise<unknown>, ms: number) => within(clock, work, ms, () => new Error('took too long')).then(() => true, () => false);
    if (settingUp === undefined && !(await patience(idle, settings.teardownTimeoutMs))) logger.warn({ calls: inUse }, 'calls of a plugin that is unloaded are given up');
    closing.abort(new PluginUnloadedError(name));
    await patience(idle, abortGraceMs);
    if (settingUp !== undefined) await patience(settingUp, settings.teardownTimeoutMs);
    if (state !== 'ready') return;
    try {
      await within(clock, Promise.resolve(plugin.teardown()), settings.teardownTimeoutMs, () => new Error(`teardown took longer than ${settings.teardownTimeoutMs} ms`));
    } catch (error) {
      credentials.scrubError(error);
      logger.warn({ error: describeError(error) }, 'plugin teardown failed');
    }
  }

  return slot;
}

/** `work`, unless it takes longer than `ms` or the signal is aborted; the work itself goes on. */
export function within<T>(clock: Clock, work: Promise<T>, ms: number, late: () => Error, signal?: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal?.reason as Error);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = clock.setTimer(ms, () => reject(late()));
    if (signal?.aborted === true) onAbort();
    work.then(resolve, reject).finally(() => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    });
  });
}
