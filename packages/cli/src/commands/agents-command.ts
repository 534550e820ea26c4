import { toDocument } from '@cortex-runtime/core';
import { MeshAgentReply } from '@cortex-runtime/orchestration-client/contract';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { counted } from '../show/amounts.ts';
import { tableLines } from '../show/table.ts';

/** `cortex agents`: who is known in the mesh, what for, and where they run. */
export async function agentsCommand(context: CommandContext, options: SharedOptions): Promise<number> {
  const client = await context.connect(options);
  const agents = await client.listAgents();
  show(context, options, agents.map((agent) => toDocument(MeshAgentReply, agent)), agents.length === 0 ? ['no agent takes tasks'] : agentTable(agents, context));
  return 0;
}

function agentTable(agents: readonly MeshAgentReply[], { terminal: { colors } }: CommandContext): string[] {
  const isDescribed = agents.some(({ description }) => description !== '');
  const { head, body } = tableLines(
    [{ title: 'NAME', maxWidth: 24 }, { title: 'DOMAINS', maxWidth: 30 }, { title: 'PRIMARY FOR', maxWidth: 20 }, { title: 'TASKS', maxWidth: 5, align: 'right' }, { title: 'RUNS IN', maxWidth: 12 }, ...(isDescribed ? [{ title: 'WHAT FOR', maxWidth: 60 }] : [])],
    agents.map(({ name, domains, primaryFor, isPresent, instances, description }) => [
      name,
      domains.join(', '),
      primaryFor.join(', '),
      String(instances.reduce((sum, { activeTasks }) => sum + activeTasks, 0)),
      isPresent ? counted(instances.length, 'host') : 'away',
      ...(isDescribed ? [description] : []),
    ]),
  );
  const away = agents.filter(({ isPresent }) => !isPresent).length;
  return [colors.dim(head), ...body, ...(away === 0 ? [] : ['', colors.dim(`${counted(away, 'agent')} away: tasks for them wait until they come back`)])];
}
