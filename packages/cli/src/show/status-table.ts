import type { ProcessStatus } from '@cortex-runtime/orchestration-client/contract';

import { printable } from './printable.ts';
import { shortDuration } from './amounts.ts';
import { tableLines } from './table.ts';
import type { Terminal } from './terminal.ts';

/** The status of processes as a table of at most 80 columns. */
export function statusTable(statuses: readonly ProcessStatus[], colors: Terminal['colors']): string[] {
  const { head, body } = tableLines(
    [
      { title: 'NAME', maxWidth: 18 },
      { title: 'STATE', maxWidth: 9 },
      { title: 'RUNS', maxWidth: 7, align: 'right' },
      { title: 'OPEN', maxWidth: 5, align: 'right' },
      { title: 'WAIT', maxWidth: 4, align: 'right' },
      { title: 'DEAD', maxWidth: 4, align: 'right' },
      { title: 'UPTIME', maxWidth: 7, align: 'right' },
      { title: 'MODEL', maxWidth: 12 },
    ],
    statuses.map((status) => [
      status.name,
      status.state,
      String(status.invocationCount),
      String(status.queueSize + status.runningRuns),
      String(status.waitingEffects + status.waitingApprovals),
      String(status.deadLetterCount),
      status.uptimeMs > 0 ? shortDuration(status.uptimeMs) : '-',
      modelName(status),
    ]),
  );
  return [colors.dim(head), ...body];
}

/** Everything about one process, a fact a line. */
export function statusDetails(status: ProcessStatus, colors: Terminal['colors']): string[] {
  const facts: [string, string][] = [
    ['state', status.state + (status.hibernated ? ' (hibernates until its next event)' : '')],
    ['model', `${status.model ?? 'unknown'}${isScripted(status) ? ' (a script, not a language model)' : ''}`],
    ['runs', `${status.invocationCount} done, ${status.runningRuns} running`],
    ['events', `${status.queueSize} waiting, ${status.pendingRetries} to be retried, ${status.filteredCount} filtered`],
    ['dead letters', String(status.deadLetterCount)],
    ['waits for you', waitsForYou(status)],
    ['failures', `${status.consecutiveFailures} in a row, ${status.restartCount} restarts`],
    ['triggers', String(status.triggerCount)],
    ['conversation', `${status.conversationMessages} messages`],
    ['uptime', status.uptimeMs > 0 ? shortDuration(status.uptimeMs) : '-'],
    ['process id', status.processId],
  ];
  return [
    colors.bold(printable(status.name)),
    ...facts.map(([name, value]) => `  ${colors.dim(name.padEnd(14))}${printable(value)}`),
    ...status.warnings.map((warning) => `  ${colors.yellow('warning'.padEnd(14))}${printable(warning)}`),
  ];
}

function waitsForYou({ name, waitingApprovals, waitingEffects }: ProcessStatus): string {
  const waits = [
    ...(waitingApprovals === 0 ? [] : [`${waitingApprovals} for your approval; list them: cortex approvals`]),
    ...(waitingEffects === 0 ? [] : [`${waitingEffects} with an unknown outcome; list them: cortex effects ${name}`]),
  ];
  return waits.length === 0 ? 'nothing' : waits.join('; ');
}

/** A process that could not start never made its model: then its name tells. */
function isScripted(status: ProcessStatus): boolean {
  return status.isLanguageModel === false || status.model?.startsWith('scripted:') === true;
}

function modelName(status: ProcessStatus): string {
  const model = status.model ?? '-';
  return isScripted(status) ? 'scripted' : (model.split(':').slice(1).join(':') || model);
}
