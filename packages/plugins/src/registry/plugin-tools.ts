import { CortexError, describeError, type JsonObject } from '@cortex-runtime/core';

import { ActionTier } from '../action-tier.ts';
import { ToolSourceError } from '../errors.ts';
import { errorResult } from '../function-tool.ts';
import type { PluginResult } from '../protocol/service-plugin.ts';
import { serverToolName } from '../tool-name.ts';
import type { OnUnknown, Tool, ToolSource } from '../tool.ts';
import { asToolResult } from './read-result.ts';
import type { RegisteredAction } from './registered-action.ts';
import type { PluginRegistrySettings } from './registry-options.ts';
import type { ExecuteOptions } from './run-action.ts';

/** What the tools of a plugin need of the registry. */
export interface PluginToolsDeps {
  /** Of the plugin: the first half of its tools' names. */
  name(): string;
  actions(): Promise<readonly RegisteredAction[]>;
  canProbe(): boolean;
  execute(action: string, params: JsonObject, options: ExecuteOptions): Promise<PluginResult>;
  probe(action: string, params: JsonObject, options: { idempotencyKey: string; requestedBy: string; signal: AbortSignal }): Promise<{ happened: true; result: PluginResult } | { happened: false }>;
}

/** More than the registry's own limits, so that those decide and say what is known. */
const marginMs = 3_000;

const refusals: ReadonlySet<string> = new Set(['PLUGIN_ACTION_DENIED', 'PLUGIN_APPROVAL_EXPIRED']);

/** The actions of a plugin as `<plugin>__<action>`. Actions of the ADMIN tier are no tools: no agent has an operator's credential. */
export function pluginToolSource(id: string, deps: PluginToolsDeps, { queueTimeoutMs }: Pick<PluginRegistrySettings, 'queueTimeoutMs'>): ToolSource {
  function asTool(action: RegisteredAction, name: string): Tool {
    // The registry's own record tells of a call that needed an approval whether it happened, even where the plugin can not.
    const canProbe = action.tier === ActionTier.CONFIRM || (action.onUnknown === 'probe' && deps.canProbe());
    const onUnknown: OnUnknown = canProbe ? 'probe' : action.onUnknown === 'probe' ? 'ask' : action.onUnknown;
    return {
      name,
      description: action.description,
      inputSchema: action.inputSchema,
      isReadOnly: action.isReadOnly,
      onUnknown,
      timeoutMs: action.timeoutMs + queueTimeoutMs + marginMs,
      async execute(args, { processName, idempotencyKey, approvalId, mayRepeat, signal }) {
        try {
          // A run that keeps no steps calls again without knowing that the call has begun: the registry knows.
          const repeat = mayRepeat === true ? { onUnknown: 'retry' as const } : {};
          return asToolResult(await deps.execute(action.name, args, { requestedBy: processName, idempotencyKey, approvalId, signal, whenPending: 'refuse', isRecordedByCaller: true, ...repeat }));
        } catch (error) {
          // What a person decided is told as it is: the tool did not fail.
          if (CortexError.is(error) && refusals.has(error.code)) return errorResult(error);
          throw error;
        }
      },
      ...(!canProbe ? {} : {
        async probe(args, { processName, idempotencyKey, signal }) {
          const found = await deps.probe(action.name, args, { idempotencyKey, requestedBy: processName, signal });
          return found.happened ? { happened: true, result: asToolResult(found.result) } : { happened: false };
        },
      }),
    };
  }

  return {
    name: id,
    async tools() {
      let actions: readonly RegisteredAction[];
      try {
        actions = await deps.actions();
      } catch (error) {
        throw new ToolSourceError(id, describeError(error), { cause: error, kind: 'plugin' });
      }
      const plugin = deps.name();
      const taken = new Set<string>();
      return actions.filter(({ tier }) => tier !== ActionTier.ADMIN).map((action) => {
        const name = serverToolName(plugin, action.name, (candidate) => taken.has(candidate));
        taken.add(name);
        return asTool(action, name);
      });
    },
    close: () => Promise.resolve(),
  };
}
