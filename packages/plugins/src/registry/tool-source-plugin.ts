import { describeError } from '@cortex-runtime/core';

import type { ActionTier } from '../action-tier.ts';
import { PluginActionNotFoundError } from '../protocol/plugin-errors.ts';
import { PluginHealthStatus } from '../protocol/plugin-health.ts';
import type { PluginActionInfo, ServicePlugin } from '../protocol/service-plugin.ts';
import type { Tool, ToolSource } from '../tool.ts';
import { asPluginResult } from './read-result.ts';

export interface ToolSourcePluginOptions {
  /** Default: the name of the source. */
  name?: string;
  version?: string;
  description?: string;
  /** By the name of the tool without the source's; `*` is every other. Default `auto`. A name that no tool has is an error: a misspelt one must not mean "ask nobody". */
  tiers?: Readonly<Record<string, ActionTier>>;
}

/** The source ends its own calls in time, and knows then what became of them. */
const marginMs = 2_000;

/**
 * The tools of a source, such as an MCP server, as a plugin: the registry then validates, limits and asks for approvals as for any other. Their names
 * as tools of agents stay what they were.
 */
export function toolSourcePlugin(source: ToolSource, options: ToolSourcePluginOptions = {}): ServicePlugin {
  const { name = source.name, version = '0', description = `Tools of ${source.name}`, tiers = {} } = options;
  const prefix = `${source.name}__`.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  const actionName = (tool: Tool) => (tool.name.startsWith(prefix) ? tool.name.slice(prefix.length) : tool.name);
  let listed: { tools: readonly Tool[]; actions: readonly PluginActionInfo[] } | undefined;
  const find = async (action: string): Promise<Tool> => {
    const tools = await source.tools();
    const tool = tools.find((each) => actionName(each) === action);
    if (tool === undefined) throw new PluginActionNotFoundError(name, action, tools.map(actionName));
    return tool;
  };
  return {
    name,
    version,
    description,
    hasChangingActions: true,
    setup: async () => void (await source.tools()),
    teardown: () => source.close(),
    async listActions() {
      const tools = await source.tools();
      if (listed?.tools === tools) return listed.actions;
      const names = new Set(tools.map(actionName));
      for (const wanted of Object.keys(tiers)) if (wanted !== '*' && !names.has(wanted)) throw new PluginActionNotFoundError(name, wanted, names);
      const actions = tools.map((tool) => ({
        name: actionName(tool),
        description: tool.description,
        tier: (Object.hasOwn(tiers, actionName(tool)) ? tiers[actionName(tool)] : tiers['*']) ?? 'auto',
        parameters: tool.inputSchema,
        isReadOnly: tool.isReadOnly,
        onUnknown: tool.onUnknown,
        ...(tool.timeoutMs === undefined ? {} : { timeoutMs: tool.timeoutMs + marginMs }),
      }));
      listed = { tools, actions };
      return actions;
    },
    async executeAction(action, params, { idempotencyKey, signal, requestedBy }) {
      return asPluginResult(await (await find(action)).execute(params, { processName: requestedBy, runId: '', effectId: idempotencyKey, idempotencyKey, signal }));
    },
    async probeAction(action, params, { idempotencyKey, signal, requestedBy }) {
      const tool = await find(action);
      if (tool.probe === undefined) throw new PluginActionNotFoundError(name, `${action} (probe)`, []);
      const found = await tool.probe(params, { processName: requestedBy, runId: '', effectId: idempotencyKey, idempotencyKey, signal });
      return found.happened ? { happened: true, result: asPluginResult(found.result) } : found;
    },
    async health() {
      try {
        const tools = await source.tools();
        return { plugin: name, status: PluginHealthStatus.HEALTHY, details: { tools: tools.length } };
      } catch (error) {
        return { plugin: name, status: PluginHealthStatus.UNHEALTHY, error: describeError(error) };
      }
    },
  };
}
