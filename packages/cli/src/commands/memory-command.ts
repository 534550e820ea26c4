import { toDocument } from '@cortex-runtime/core';
import type { OrchestrationClient } from '@cortex-runtime/orchestration-client';
import { MemoryEntryList, MemoryEntryReply, MemoryProposalList, MemoryProposalReply } from '@cortex-runtime/orchestration-client/contract';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { CommandError } from '../errors.ts';
import { counted } from '../show/amounts.ts';
import { printable } from '../show/printable.ts';
import { tableLines } from '../show/table.ts';

/** `cortex memory proposals`: what agents propose to remember, and how to decide. */
export async function proposalsCommand(context: CommandContext, options: SharedOptions): Promise<number> {
  const proposals = await (await context.connect(options)).listMemoryProposals();
  show(context, options, toDocument(MemoryProposalList.shape.proposals, proposals), proposals.length === 0 ? ['nothing waits for you'] : proposals.flatMap((proposal) => proposalLines(proposal, context)));
  return 0;
}

/** `cortex memory accept ID`: the id may be cut short as long as it fits one proposal that waits. */
export async function acceptCommand(context: CommandContext, id: string, options: SharedOptions & { by?: string }): Promise<number> {
  const client = await context.connect(options);
  const decided = await client.acceptMemoryProposal(await wholeId(client, id), { by: options.by ?? decider(context, 'accept') });
  const where = `${decided.category}/${decided.name}`;
  const said = decided.status === 'conflict' ? `${where} has changed since it was proposed: nothing was written; read it, and have it proposed again` : `${where} is written, version ${decided.writtenVersion ?? '?'}`;
  show(context, options, toDocument(MemoryProposalReply, decided), [printable(said)]);
  return decided.status === 'conflict' ? 1 : 0;
}

/** `cortex memory reject ID`. */
export async function rejectCommand(context: CommandContext, id: string, options: SharedOptions & { by?: string; reason?: string }): Promise<number> {
  const client = await context.connect(options);
  const decided = await client.rejectMemoryProposal(await wholeId(client, id), { by: options.by ?? decider(context, 'reject'), ...(options.reason === undefined ? {} : { reason: options.reason }) });
  show(context, options, toDocument(MemoryProposalReply, decided), [printable(`${decided.category}/${decided.name}: rejected; nothing was written`)]);
  return 0;
}

/** `cortex memory list CATEGORY`. */
export async function listMemoryCommand(context: CommandContext, category: string, options: SharedOptions): Promise<number> {
  const entries = await (await context.connect(options)).listMemory(category);
  const { head, body } = tableLines(
    [{ title: 'NAME', maxWidth: 60 }, { title: 'VERSION', maxWidth: 7, align: 'right' }, { title: 'WRITTEN', maxWidth: 20 }, { title: 'BY', maxWidth: 30 }],
    entries.map(({ name, version, updatedAt, provenance }) => [name, String(version), updatedAt.slice(0, 19), provenance.agent ?? provenance.source ?? '']),
  );
  show(context, options, toDocument(MemoryEntryList.shape.entries, entries), entries.length === 0 ? [`there is nothing in ${printable(category)}`] : [context.terminal.colors.dim(head), ...body]);
  return 0;
}

/** `cortex memory read CATEGORY NAME`: the content, under a line that says where it comes from. */
export async function readMemoryCommand(context: CommandContext, category: string, name: string, options: SharedOptions): Promise<number> {
  const entry = await (await context.connect(options)).readMemory(category, name);
  const { agent, runId, source, acceptedBy } = entry.provenance;
  const origin = [
    ...(agent === undefined ? [] : [`by ${agent}`]),
    ...(runId === undefined ? [] : [`in run ${runId}`]),
    ...(source === undefined ? [] : [`from ${source}`]),
    ...(acceptedBy === undefined ? [] : [`accepted by ${acceptedBy}`]),
  ];
  const heading = printable(`${entry.category}/${entry.name}  version ${entry.version} of ${entry.updatedAt.slice(0, 19)}  ${origin.join(', ')}`.trimEnd());
  show(context, options, toDocument(MemoryEntryReply, entry), [context.terminal.colors.dim(heading), ...entry.content.split('\n').map(printable)]);
  return 0;
}

async function wholeId(client: OrchestrationClient, id: string): Promise<string> {
  const pending = await client.listMemoryProposals();
  const fitting = pending.filter(({ proposalId }) => proposalId.startsWith(id));
  const [found, another] = fitting;
  if (found === undefined || pending.some(({ proposalId }) => proposalId === id)) return id; // the host says what became of one that waits no more
  if (another !== undefined) throw new CommandError('PROPOSAL_AMBIGUOUS', `${id} fits ${counted(fitting.length, 'proposal')}: ${fitting.slice(0, 3).map(({ proposalId }) => proposalId).join(', ')}; write more of it`);
  return found.proposalId;
}

function decider(context: CommandContext, verb: string): string {
  return `${context.environment['USER'] || 'operator'} (cortex memory ${verb})`;
}

function proposalLines({ proposalId, category, name, mode, content, provenance }: MemoryProposalReply, { terminal: { colors } }: CommandContext): string[] {
  const origin = [provenance.agent, provenance.source].filter((fact) => fact !== undefined).join(', from ');
  return [
    `${colors.bold(printable(`${category}/${name}`))}  ${mode}${origin === '' ? '' : `  ${colors.dim(printable(`by ${origin}`))}`}`,
    ...content.split('\n').map((line) => `  | ${printable(line)}`),
    `  cortex memory accept|reject ${printable(proposalId)}`,
  ];
}
