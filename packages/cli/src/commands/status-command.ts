import { toDocument } from '@cortex-runtime/core';
import { ProcessStatus, RuntimeStatus } from '@cortex-runtime/orchestration-client/contract';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { counted, waitingApprovals } from '../show/amounts.ts';
import { statusDetails, statusTable } from '../show/status-table.ts';

/** `cortex status [NAME]`. */
export async function statusCommand(context: CommandContext, name: string | undefined, options: SharedOptions): Promise<number> {
  const client = await context.connect(options);
  const { colors } = context.terminal;
  if (name !== undefined) {
    const status = await client.getProcess(name);
    show(context, options, toDocument(ProcessStatus, status), statusDetails(status, colors));
    return 0;
  }
  const status = await client.runtimeStatus();
  const processes = Object.values(status.processes).sort((a, b) => a.name.localeCompare(b.name));
  const waiting = processes.reduce((sum, each) => sum + each.waitingEffects, 0);
  show(context, options, toDocument(RuntimeStatus, status), [
    ...(processes.length === 0 ? ['the host runs no agents'] : statusTable(processes, colors)),
    '',
    colors.dim(`${counted(processes.length, 'agent')} at ${new URL(client.baseUrl).origin}`),
    ...(waiting === 0 ? [] : [colors.yellow(`${counted(waiting, 'call')} with an unknown outcome wait for you: cortex effects`)]),
    ...(status.pendingApprovals === 0 ? [] : [colors.yellow(waitingApprovals(status.pendingApprovals))]),
  ]);
  return 0;
}
