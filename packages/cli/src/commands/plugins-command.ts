import { toDocument } from '@cortex-runtime/core';
import { PluginReply } from '@cortex-runtime/orchestration-client/contract';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { clip, printable } from '../show/printable.ts';
import { tableLines } from '../show/table.ts';

/** `cortex plugins`: what agents may use besides their own servers, how it is, and what stands before each action. */
export async function pluginsCommand(context: CommandContext, options: SharedOptions): Promise<number> {
  const client = await context.connect(options);
  const plugins = await client.listPlugins();
  show(context, options, plugins.map((plugin) => toDocument(PluginReply, plugin)), plugins.length === 0 ? ['no manifest names a plugin, or gives a server tiers'] : pluginLines(plugins, context));
  return 0;
}

function pluginLines(plugins: readonly PluginReply[], { terminal: { colors } }: CommandContext): string[] {
  const { head, body } = tableLines(
    [{ title: 'NAME', maxWidth: 24 }, { title: 'VERSION', maxWidth: 10 }, { title: 'STATE', maxWidth: 10 }, { title: 'HEALTH', maxWidth: 9 }, { title: 'AGENTS', maxWidth: 40 }],
    plugins.map(({ name, version, state, health, usedBy }) => [name, version || '-', state, health?.status ?? '-', usedBy.map((use) => use.process).join(', ')]),
  );
  return [colors.dim(head), ...plugins.flatMap((plugin, index) => [body[index] ?? '', ...detailLines(plugin, colors)])];
}

function detailLines({ actions, usedBy, problem, health }: PluginReply, colors: CommandContext['terminal']['colors']): string[] {
  const own = tierText(actions);
  const trouble = problem ?? health?.error;
  // What is the same for an agent as for the plugin itself needs no line of its own.
  const offered = tierText(actions.filter(({ tier }) => tier !== 'admin'));
  const others = usedBy.filter((use) => use.actions.length > 0 && tierText(use.actions) !== offered);
  return [
    ...(own === '' ? [] : [`  ${own}`]),
    ...others.map((use) => `  ${printable(use.process)}: ${tierText(use.actions)}`),
    ...(trouble === undefined ? [] : [colors.yellow(`  ${clip(printable(trouble), 200)}`)]),
  ];
}

const tierText = (actions: readonly { name: string; tier: string }[]): string => actions.map(({ name, tier }) => `${printable(name)} ${tier}`).join(', ');
