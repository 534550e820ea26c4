import { nearestName, toDocument } from '@cortex-runtime/core';
import { RunActionReply, type PluginReply } from '@cortex-runtime/orchestration-client/contract';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { CommandError, UsageError } from '../errors.ts';
import { jsonArgument } from '../json-argument.ts';
import { printable } from '../show/printable.ts';

/** `cortex run-action PLUGIN ACTION`: what agents may not do at all (the tier admin), and anything else, by hand. */
export async function runActionCommand(context: CommandContext, plugin: string, action: string, options: SharedOptions & { params: string; key?: string; by?: string }): Promise<number> {
  const params = await jsonArgument('--params', options.params, context.readInput);
  if (typeof params !== 'object' || params === null || Array.isArray(params)) throw new UsageError('--params: must be a JSON object, such as {"date": "2026-06-02"}');
  const client = await context.connect(options);
  const { id } = chosen(await client.listPlugins(), plugin);
  const reply = await client.runAction(id, action, {
    params: params as Record<string, unknown>,
    ...(options.key === undefined ? {} : { idempotencyKey: options.key }),
    ...(options.by === undefined ? {} : { by: options.by }),
  });
  const text = reply.success ? (reply.data === undefined ? 'done' : JSON.stringify(reply.data, null, 2)) : `it did not succeed: ${reply.error ?? 'the plugin does not say why'}`;
  show(context, options, toDocument(RunActionReply, reply), text.split('\n').map(printable));
  return reply.success ? 0 : 1;
}

function chosen(plugins: readonly PluginReply[], wanted: string): PluginReply {
  const found = plugins.filter(({ id, name }) => id === wanted || name === wanted);
  const exact = found.find(({ id }) => id === wanted);
  if (exact !== undefined) return exact;
  const [only, another] = found;
  if (only === undefined) {
    const nearest = nearestName(wanted, plugins.map(({ name }) => name));
    throw new CommandError('PLUGIN_NOT_FOUND', `no agent uses a plugin ${JSON.stringify(wanted)}${nearest === undefined ? '' : `; did you mean ${JSON.stringify(nearest)}?`}`);
  }
  if (another !== undefined) throw new CommandError('PLUGIN_AMBIGUOUS', `${JSON.stringify(wanted)} is there with several settings; name one of ${found.map(({ id }) => id).join(', ')}`);
  return only;
}
