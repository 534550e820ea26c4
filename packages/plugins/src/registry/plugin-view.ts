import { chosenTier } from '../action-tier.ts';
import { PluginActionNotFoundError } from '../protocol/plugin-errors.ts';
import { actionDigest, type RegisteredAction } from './registered-action.ts';
import type { ActionPolicy } from './registry-options.ts';

/** What one agent gets of a plugin, and on which terms. How much a service can take at a time is the same for all agents, and not part of it. */
export interface PluginView {
  /** Only these actions; all when left out. */
  readonly allow?: readonly string[] | undefined;
  /** By action, `*` for every other; wins over what the plugin and the registry's options say. */
  readonly actions?: Readonly<Record<string, Pick<ActionPolicy, 'tier' | 'onUnknown' | 'timeoutMs' | 'approvalTtlMs'>>> | undefined;
}

/**
 * The actions as a view shows them.
 *
 * @throws PluginActionNotFoundError when the view names an action that is not there: terms that meet nothing are a mistake, and one that would let something through
 */
export function viewedActions(plugin: string, actions: readonly RegisteredAction[], view: PluginView): RegisteredAction[] {
  const known = new Set(actions.map(({ name }) => name));
  for (const name of [...(view.allow ?? []), ...Object.keys(view.actions ?? {}).filter((key) => key !== '*')]) {
    if (!known.has(name)) throw new PluginActionNotFoundError(plugin, name, known);
  }
  return actions.flatMap((action) => viewedAction(action, view) ?? []);
}

/** One action as a view shows it; undefined when it does not. */
export function viewedAction(action: RegisteredAction, { allow, actions = {} }: PluginView): RegisteredAction | undefined {
  if (allow !== undefined && !allow.includes(action.name)) return undefined;
  const own = Object.hasOwn(actions, action.name) ? actions[action.name] : undefined;
  const terms = { ...actions['*'], ...own };
  const tier = chosenTier(action.tier, own?.tier, actions['*']?.tier);
  return {
    ...action,
    tier,
    onUnknown: terms.onUnknown ?? action.onUnknown,
    timeoutMs: terms.timeoutMs ?? action.timeoutMs,
    approvalTtlMs: terms.approvalTtlMs ?? action.approvalTtlMs,
    digest: tier === action.tier ? action.digest : actionDigest({ ...action, tier }),
  };
}
