import { toDocument } from '@cortex-runtime/core';
import { ApprovalReply } from '@cortex-runtime/orchestration-client/contract';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { CommandError } from '../errors.ts';
import { clockTime, shortDuration } from '../show/amounts.ts';
import { clip, printable } from '../show/printable.ts';

/** Of longer parameters the rest is left off: whoever approves has to look at all of them elsewhere. */
const shownChars = 2_000;

/** `cortex approvals [--all]`: calls that wait for a person, what exactly they would do, and how to answer. */
export async function approvalsCommand(context: CommandContext, options: SharedOptions & { all?: boolean }): Promise<number> {
  const client = await context.connect(options);
  const approvals = await client.listApprovals(options.all === true ? {} : { status: 'pending' });
  const lines = approvals.flatMap((approval) => approvalLines(approval, context));
  show(context, options, approvals.map((approval) => toDocument(ApprovalReply, approval)), lines.length > 0 ? lines : [options.all === true ? 'nothing was ever asked' : 'nothing waits for your approval']);
  return 0;
}

/** `cortex approve ID` and `cortex deny ID`: the id may be cut short as long as it fits one that waits. */
export async function decideCommand(context: CommandContext, verb: 'approve' | 'deny', id: string, options: SharedOptions & { reason?: string; by?: string }): Promise<number> {
  const client = await context.connect(options);
  const pending = await client.listApprovals({ status: 'pending' });
  const fitting = pending.filter((each) => each.id === id).concat(pending.filter((each) => each.id !== id && each.id.startsWith(id)));
  const [chosen, another] = fitting;
  if (another !== undefined && chosen?.id !== id) throw new CommandError('APPROVAL_AMBIGUOUS', `${id} fits ${fitting.length} approvals: ${fitting.slice(0, 3).map((each) => each.id).join(', ')}; write more of it`);
  // One that does not wait is the host's to explain: it was answered, has expired, or never was.
  const decided = await client[verb](chosen?.id ?? id, {
    by: options.by ?? `${context.environment['USER'] || 'operator'} (cortex ${verb})`,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
  });
  const then = verb === 'approve' ? 'approved; it is done once, with exactly these parameters' : `denied; ${decided.requestedBy} is told so${options.reason === undefined ? '' : ', with the reason'}`;
  show(context, options, toDocument(ApprovalReply, decided), [`${printable(decided.plugin)}.${printable(decided.action)} of ${printable(decided.requestedBy)}: ${printable(then)}`]);
  return 0;
}

function approvalLines(approval: ApprovalReply, { terminal: { colors } }: CommandContext): string[] {
  const params = printable(JSON.stringify(approval.params));
  const rest = [...params].length > shownChars ? [colors.yellow(`  the parameters are longer than shown; all of them: cortex approvals --json`)] : [];
  const head = `${colors.bold(printable(approval.requestedBy))}  ${printable(approval.plugin)}.${printable(approval.action)}  ${clip(params, shownChars)}`;
  const asked = `asked at ${clockTime(approval.requestedAt)}`;
  if (approval.status !== 'pending') {
    const by = approval.decidedBy === undefined ? '' : ` by ${printable(approval.decidedBy)}`;
    const why = approval.reason === undefined ? '' : `: ${printable(approval.reason)}`;
    return [head, ...rest, colors.dim(`  ${approval.status}${by}${why}  ${asked}  ${printable(approval.id)}`)];
  }
  const left = shortDuration(Math.max(0, Date.parse(approval.expiresAt) - Date.now()));
  return [
    head,
    ...rest,
    colors.dim(`  ${[clip(printable(approval.description), 100), asked, `counts for ${left} more`].filter((part) => part !== '').join('  ')}`),
    `  cortex approve ${printable(approval.id)}`,
    `  cortex deny ${printable(approval.id)} --reason "…"`,
  ];
}
