import { describeError, InvalidInputError, resolveDocument, type Clock, type Disk, type Environment, type IdGenerator, type JsonObject, type Logger } from '@cortex-runtime/core';
import type { Journal } from '@cortex-runtime/journal';

import { guardedCredentials } from '../credentials/guarded-credentials.ts';
import type { OperatorAuthority } from '../credentials/operator-tokens.ts';
import { discoverPlugins, type DiscoveredPlugin, type DiscoverOptions } from '../discovery/discover-plugins.ts';
import { ActionLedger, type Decision } from '../ledger/action-ledger.ts';
import type { ApprovalRequest, ApprovalStatus } from '../ledger/approval-request.ts';
import type { CredentialBroker } from '../protocol/credential-broker.ts';
import { PluginActionNotFoundError, PluginExistsError, PluginInvalidError, PluginNotFoundError, PluginUnloadedError } from '../protocol/plugin-errors.ts';
import { PluginHealthStatus, type PluginHealthReport } from '../protocol/plugin-health.ts';
import { pluginMethods, type PluginActionInfo, type PluginResult, type ServicePlugin } from '../protocol/service-plugin.ts';
import { pluginNamePattern, pluginNameRule } from '../plugin-name.ts';
import { referencedSecrets } from '../referenced-secrets.ts';
import type { ToolSource } from '../tool.ts';
import { actionLimiter, type ActionLimiter } from './action-limiter.ts';
import { pluginSlot, within, type PluginSlot, type PluginState } from './plugin-slot.ts';
import { pluginToolSource } from './plugin-tools.ts';
import { viewedAction, viewedActions, type PluginView } from './plugin-view.ts';
import { registeredAction, type RegisteredAction } from './registered-action.ts';
import { PluginRegistryOptions } from './registry-options.ts';
import { probeAction, runAction, type ExecuteOptions, type RunActionDeps, type RunnableAction } from './run-action.ts';

export interface PluginRegistryDeps {
  clock: Clock;
  createId: IdGenerator;
  logger: Logger;
  /** Calls and approvals are recorded here: what the journal survives, they survive. The registry does not close it. */
  journal: Journal;
  /** Where plugins get their credentials; without one they get none. */
  broker?: CredentialBroker;
  /** Who may call actions of the ADMIN tier; nobody when left out. */
  operators?: OperatorAuthority;
  /** Needed by `discoverAndRegister` only. */
  disk?: Disk;
  /** Where `${NAME}` references in settings are looked up, at each setup. Without one they stay as they are. */
  environment?: Environment;
}

export interface RegisterOptions {
  /** What it is called in this registry, so that one plugin can be there several times, each with settings of its own. Default: its name, which its tools keep in any case. */
  as?: string | undefined;
  /** Handed to its `setup`; those of the registry's options when left out. */
  settings?: JsonObject | undefined;
}

/** What is known about a registered plugin. */
export interface PluginInfo {
  /** What it is called in this registry. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly state: PluginState;
  /** Why the last setup failed. */
  readonly setupError?: string;
  /** Undefined until a plugin with changing actions has been set up. */
  readonly actions?: readonly RegisteredAction[];
}

/** Plugins by their ids, which are their names unless they were registered `as` something else, and the only way to call them. */
export interface PluginRegistry extends AsyncDisposable {
  /**
   * Adds a plugin; nothing is set up yet.
   *
   * @throws PluginExistsError, PluginInvalidError
   */
  register(plugin: ServicePlugin, options?: RegisterOptions): Promise<PluginInfo>;
  /** Finds installed plugins and adds them. What can not be added is told in `error`, and stands in nobody's way. */
  discoverAndRegister(options: DiscoverOptions): Promise<DiscoveredPlugin[]>;
  /** Sets a plugin up, unless that is done. @throws PluginSetupError; the next use tries again */
  setUp(plugin: string): Promise<void>;
  /** Sets up what is not set up yet. Never rejects: each plugin says how it went. */
  setupAllPending(): Promise<{ plugin: string; ok: boolean; error?: string }[]>;
  /** Calls an action: the one place where parameters are validated and tiers, limits and approvals are enforced. */
  execute(plugin: string, action: string, params?: unknown, options?: ExecuteOptions): Promise<PluginResult>;
  has(plugin: string): boolean;
  /** What is known about it; its actions as `view` shows them, as far as they are known. */
  get(plugin: string, view?: PluginView): PluginInfo;
  list(): PluginInfo[];
  /** Never rejects for a registered plugin. */
  health(plugin: string): Promise<PluginHealthReport>;
  healthAll(): Promise<PluginHealthReport[]>;
  /** Waits for calls under way, tears down and forgets the plugin, whatever the teardown says. */
  unload(plugin: string): Promise<void>;
  /** The plugin's actions as tools of agents, without those of the ADMIN tier, as `view` shows them. Closing the source leaves the plugin as it is. */
  toolSource(plugin: string, view?: PluginView): ToolSource;
  /** Oldest first. */
  approvals(status?: ApprovalStatus): Promise<ApprovalRequest[]>;
  /** @throws ApprovalNotFoundError */
  approval(approvalId: string): Promise<ApprovalRequest>;
  approve(approvalId: string, decision: Decision): Promise<ApprovalRequest>;
  deny(approvalId: string, decision: Decision): Promise<ApprovalRequest>;
  /** Calls `listener` with each new request for an approval, each answer, and each that expires. */
  watchApprovals(listener: (approval: ApprovalRequest) => void): () => void;
  /** Unloads everything, and takes no more. */
  close(): Promise<void>;
}

interface Entry {
  id: string;
  plugin: ServicePlugin;
  slot: PluginSlot;
  credentials: ReturnType<typeof guardedCredentials>;
  /** Undefined while they are not known. */
  actions: ReadonlyMap<string, RegisteredAction> | undefined;
  /** What `actions` was made of: the same list is not read again. */
  listed: readonly PluginActionInfo[] | undefined;
  limiters: Map<string, ActionLimiter>;
}

export function createPluginRegistry(deps: PluginRegistryDeps, options: PluginRegistryOptions = {}): PluginRegistry {
  const settings = PluginRegistryOptions.parse(options);
  const { clock, logger } = deps;
  const entries = new Map<string, Entry>();
  const reserved = new Set<string>();
  const objects = new Map<ServicePlugin, string>();
  const listeners = new Set<(approval: ApprovalRequest) => void>();
  let opening: Promise<ActionLedger> | undefined;
  let isClosed = false;

  const ledger = (): Promise<ActionLedger> => {
    opening ??= ActionLedger.open(deps, settings.processId).then((opened) => {
      opened.watch((approval) => {
        for (const listener of [...listeners]) listener(approval);
      });
      return opened;
    }).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  const running: RunActionDeps = { clock, createId: deps.createId, ledger, operators: deps.operators, underWay: new Map() };

  function entryOf(name: string): Entry {
    const found = entries.get(name);
    if (found === undefined) throw new PluginNotFoundError(name, entries.keys());
    return found;
  }

  async function actionsOf(entry: Entry, signal?: AbortSignal): Promise<ReadonlyMap<string, RegisteredAction>> {
    if (entry.actions !== undefined && entry.plugin.hasChangingActions !== true) return entry.actions;
    if (entry.plugin.hasChangingActions === true) await entry.slot.ensureReady(signal);
    const listed = await entry.plugin.listActions();
    if (entry.actions !== undefined && listed === entry.listed) return entry.actions;
    const known = entry.actions;
    const actions = new Map<string, RegisteredAction>();
    for (const info of listed) {
      if (actions.has(info.name)) throw new PluginInvalidError(entry.plugin.name, `lists two actions of the name ${info.name}`);
      actions.set(info.name, registeredAction(entry.plugin.name, info, settings, known?.get(info.name)));
    }
    entry.actions = actions;
    entry.listed = listed;
    return actions;
  }

  async function runnable(id: string, actionName: string, signal?: AbortSignal, view: PluginView = {}): Promise<RunnableAction> {
    const entry = entryOf(id);
    const actions = await actionsOf(entry, signal);
    const listed = actions.get(actionName);
    const action = listed === undefined ? undefined : viewedAction(listed, view);
    if (action === undefined) throw new PluginActionNotFoundError(entry.plugin.name, actionName, actions.keys());
    let limiter = entry.limiters.get(actionName);
    if (limiter === undefined) {
      limiter = actionLimiter({ clock }, { plugin: entry.plugin.name, action: actionName }, settings);
      entry.limiters.set(actionName, limiter);
    }
    return { plugin: entry.plugin, slot: entry.slot, credentials: entry.credentials, action, limiter };
  }

  const infoOf = ({ id, plugin, slot, actions }: Entry, view: PluginView = {}): PluginInfo => ({
    id,
    name: plugin.name,
    version: plugin.version,
    description: plugin.description,
    state: slot.state,
    ...(slot.setupError === undefined ? {} : { setupError: slot.setupError }),
    ...(actions === undefined ? {} : { actions: [...actions.values()].flatMap((action) => viewedAction(action, view) ?? []) }),
  });

  async function health({ plugin, slot, credentials }: Entry): Promise<PluginHealthReport> {
    const unhealthy = (error: string): PluginHealthReport => ({ plugin: plugin.name, status: PluginHealthStatus.UNHEALTHY, error });
    if (slot.state !== 'ready') return unhealthy(slot.setupError === undefined ? `it is not set up yet (${slot.state})` : `setup failed: ${slot.setupError}`);
    try {
      const report = await within(clock, (async () => plugin.health())(), settings.healthTimeoutMs, () => new Error(`no answer within ${settings.healthTimeoutMs} ms`));
      if (!Object.values(PluginHealthStatus).includes(report?.status)) return unhealthy('its health report has no status');
      return credentials.scrubJson({ ...report, plugin: plugin.name } as unknown as JsonObject) as unknown as PluginHealthReport;
    } catch (error) {
      credentials.scrubError(error);
      return unhealthy(describeError(error));
    }
  }

  async function register(plugin: ServicePlugin, { as: id = plugin?.name, settings: given }: RegisterOptions = {}): Promise<PluginInfo> {
    assertPlugin(plugin);
    if (isClosed) throw new PluginUnloadedError(id);
    const { name } = plugin;
    // Taken before anything is awaited: of two with one id the second is refused, and never set up.
    if (entries.has(id) || reserved.has(id)) throw new PluginExistsError(id);
    const other = objects.get(plugin);
    if (other !== undefined) throw new PluginInvalidError(id, `this very object is registered as ${JSON.stringify(other)}; to be used with several settings, its module has to export a class or a function`);
    reserved.add(id);
    objects.set(plugin, id);
    try {
      const credentials = guardedCredentials(deps.broker, name);
      const readSettings = () => settingsFor(name, given ?? settings.settings[name] ?? {}, credentials);
      const slot = pluginSlot({ clock, logger: logger.child({ plugin: id }), credentials, readSettings }, plugin, settings);
      const entry: Entry = { id, plugin, slot, credentials, actions: undefined, listed: undefined, limiters: new Map() };
      if (plugin.hasChangingActions !== true) await actionsOf(entry);
      entries.set(id, entry);
      return infoOf(entry);
    } catch (error) {
      objects.delete(plugin);
      throw error;
    } finally {
      reserved.delete(id);
    }
  }

  /** References stand for what they refer to, and what is secret of that does not come out again. */
  function settingsFor(name: string, given: JsonObject, credentials: Entry['credentials']): JsonObject {
    const { environment } = deps;
    if (environment === undefined) return given;
    credentials.hide(referencedSecrets(given, environment));
    return resolveDocument(given, environment, ['plugins', name, 'settings']);
  }

  async function unload(name: string): Promise<void> {
    const entry = entryOf(name);
    await entry.slot.unload();
    if (entries.get(name) !== entry) return;
    entries.delete(name);
    objects.delete(entry.plugin);
  }

  const registry: PluginRegistry = {
    register,
    async discoverAndRegister(discover) {
      if (deps.disk === undefined) throw new InvalidInputError('deps.disk', 'is needed to discover plugins');
      const found = await discoverPlugins({ disk: deps.disk }, discover);
      for (const each of found) {
        if (each.plugin === undefined) {
          logger.warn({ path: each.path, error: each.error }, 'a plugin can not be loaded');
          continue;
        }
        await register(each.plugin).catch((error: unknown) => {
          each.error = describeError(error);
          logger.warn({ path: each.path, error: each.error }, 'a discovered plugin can not be registered');
        });
      }
      return found;
    },
    setUp: async (id) => entryOf(id).slot.ensureReady(),
    async setupAllPending() {
      return Promise.all([...entries.values()].map(async ({ id, slot }) => {
        try {
          await slot.ensureReady();
          return { plugin: id, ok: true };
        } catch (error) {
          return { plugin: id, ok: false, error: describeError(error) };
        }
      }));
    },
    async execute(name, action, params = {}, executeOptions = {}) {
      return runAction(running, await runnable(name, action, executeOptions.signal), params, executeOptions);
    },
    has: (name) => entries.has(name),
    get: (id, view) => infoOf(entryOf(id), view),
    list: () => [...entries.values()].map((entry) => infoOf(entry)),
    health: async (name) => health(entryOf(name)),
    healthAll: () => Promise.all([...entries.values()].map(health)),
    unload,
    toolSource: (id, view = {}) => pluginToolSource(id, {
      name: () => entryOf(id).plugin.name,
      actions: async () => {
        const entry = entryOf(id);
        await entry.slot.ensureReady();
        return viewedActions(entry.plugin.name, [...(await actionsOf(entry)).values()], view);
      },
      canProbe: () => entryOf(id).plugin.probeAction !== undefined,
      execute: async (action, params, executeOptions) => runAction(running, await runnable(id, action, executeOptions.signal, view), params, executeOptions),
      probe: async (action, params, probeOptions) => probeAction(running, await runnable(id, action, probeOptions.signal, view), params, probeOptions),
    }, settings),
    approvals: async (status) => (await ledger()).approvals(status),
    approval: async (id) => (await ledger()).approval(id),
    approve: async (id, decision) => (await ledger()).decide(id, 'approved', assertDecision(decision)),
    deny: async (id, decision) => (await ledger()).decide(id, 'denied', assertDecision(decision)),
    watchApprovals(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {
      isClosed = true;
      await Promise.all([...entries.keys()].map(unload));
      const opened = await opening?.catch(() => undefined);
      await opened?.close();
    },
    [Symbol.asyncDispose]: () => registry.close(),
  };
  return registry;
}

function assertPlugin(plugin: ServicePlugin): void {
  const name = typeof plugin?.name === 'string' ? plugin.name : '(no name)';
  const refuse = (problem: string) => {
    throw new PluginInvalidError(name, problem);
  };
  if (!pluginNamePattern.test(name)) refuse(`a plugin is named with ${pluginNameRule}`);
  for (const method of pluginMethods) if (typeof plugin[method] !== 'function') refuse(`has no method ${method}`);
  for (const field of ['version', 'description'] as const) if (typeof plugin[field] !== 'string') refuse(`has no ${field}`);
}

function assertDecision(decision: Decision): Decision {
  if (typeof decision?.by !== 'string' || decision.by.trim() === '') throw new InvalidInputError('decision.by', 'says who decides; it is empty');
  return decision;
}
