import { formatPath, type JsonObject } from '@cortex-runtime/core';
import { z } from 'zod';

import { ActionTier, chosenTier } from '../action-tier.ts';
import { digestOf } from '../canonical-json.ts';
import { PluginInvalidError } from '../protocol/plugin-errors.ts';
import type { PluginActionInfo, RateLimit } from '../protocol/service-plugin.ts';
import type { OnUnknown } from '../tool.ts';
import { assertUsableSchema } from '../validate-arguments.ts';
import type { PluginRegistrySettings } from './registry-options.ts';

/** An action as the registry runs it: what the plugin says, what the operator says, and the defaults. */
export interface RegisteredAction {
  readonly name: string;
  readonly description: string;
  readonly tier: ActionTier;
  readonly inputSchema: JsonObject;
  readonly isReadOnly: boolean;
  readonly onUnknown: OnUnknown;
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly rateLimit: RateLimit | undefined;
  /** How long a request for an approval counts, and the approval with it. */
  readonly approvalTtlMs: number;
  /** Changes with everything that a person who approves a call relies on. */
  readonly digest: string;
}

const actionPattern = /^[A-Za-z0-9_-]{1,128}$/;

/** What an action may say of itself besides its name and tier; plugins are written in JavaScript, too. A misspelt `onUnknown` must not mean "do it again". */
const ActionTerms = z.looseObject({
  description: z.string().optional(),
  parameters: z.looseObject({ type: z.literal('object').optional() }).optional(),
  requiredParameters: z.array(z.string()).optional(),
  isReadOnly: z.boolean().optional(),
  onUnknown: z.enum(['retry', 'probe', 'ask']).optional(),
  timeoutMs: z.number().positive().optional(),
  concurrency: z.int().min(1).optional(),
  rateLimit: z.looseObject({ calls: z.int().min(1), perMs: z.number().positive() }).optional(),
});

/**
 * Reads one action of a plugin.
 *
 * @param known - what it was before: an unchanged schema stays the same object, as compiled schemas are found by identity
 * @throws PluginInvalidError when its name, tier, schema or any other of its terms can not be used
 */
export function registeredAction(plugin: string, info: PluginActionInfo, settings: PluginRegistrySettings, known?: RegisteredAction): RegisteredAction {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new PluginInvalidError(plugin, `action ${JSON.stringify(info.name)} ${problem}`, cause === undefined ? {} : { cause });
  };
  if (typeof info.name !== 'string' || !actionPattern.test(info.name)) refuse('needs a name of letters, digits, "_" and "-"');
  const forOthers = settings.actions[`${plugin}.*`];
  const forThis = settings.actions[`${plugin}.${info.name}`];
  const policy = { ...forOthers, ...forThis };
  const tier = chosenTier(info.tier ?? ActionTier.AUTO, forThis?.tier, forOthers?.tier);
  // A tier that is misspelt must not mean "ask nobody".
  if (!Object.values(ActionTier).includes(tier)) refuse(`has the tier ${JSON.stringify(tier)}; tiers are ${Object.values(ActionTier).join(', ')}`);
  const terms = ActionTerms.safeParse(info);
  if (!terms.success) refuse(`can not be used: ${terms.error.issues.map(({ path, message }) => `${formatPath(path.map((step) => (typeof step === 'symbol' ? String(step) : step)))}: ${message}`).join('; ')}`);
  const isReadOnly = info.isReadOnly ?? false;
  const description = info.description ?? '';
  const wanted = effectiveSchema(info);
  const digest = actionDigest({ name: info.name, description, tier, inputSchema: wanted });
  const inputSchema = known?.digest === digest ? known.inputSchema : wanted;
  try {
    assertUsableSchema({ name: `${plugin}.${info.name}`, inputSchema });
  } catch (error) {
    refuse('has parameters that are no usable JSON Schema', error);
  }
  return {
    name: info.name,
    description,
    tier,
    inputSchema,
    isReadOnly,
    onUnknown: policy.onUnknown ?? info.onUnknown ?? (isReadOnly ? 'retry' : 'ask'),
    timeoutMs: policy.timeoutMs ?? info.timeoutMs ?? settings.timeoutMs,
    concurrency: policy.concurrency ?? info.concurrency ?? settings.concurrency,
    rateLimit: policy.rateLimit ?? info.rateLimit,
    approvalTtlMs: policy.approvalTtlMs ?? settings.approvalTtlMs,
    digest,
  };
}

/** Changes with everything that a person who approves a call relies on. */
export function actionDigest({ name, description, tier, inputSchema }: Pick<RegisteredAction, 'name' | 'description' | 'tier' | 'inputSchema'>): string {
  return digestOf({ name, description, tier, schema: inputSchema });
}

/** The plugin's own object wherever nothing has to be added. */
function effectiveSchema({ parameters, requiredParameters = [] }: PluginActionInfo): JsonObject {
  if (parameters === undefined) return { type: 'object', ...(requiredParameters.length === 0 ? {} : { required: [...requiredParameters] }) };
  if (requiredParameters.length === 0 && parameters['type'] === 'object') return parameters;
  const required = Array.isArray(parameters['required']) ? (parameters['required'] as readonly string[]) : [];
  return { type: 'object', ...parameters, required: [...new Set([...required, ...requiredParameters])] };
}
