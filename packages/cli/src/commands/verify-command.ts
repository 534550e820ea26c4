import { describeError, idGenerator } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { isHostProcess } from '@cortex-runtime/host';
import { openDataDirectoryLock, repairJournal, verifyJournal, type VerifyReport } from '@cortex-runtime/journal';
import { systemProcessTable } from '@cortex-runtime/journal/node';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { dataDirectoryOf } from '../connect.ts';
import { CommandError } from '../errors.ts';
import { counted } from '../show/amounts.ts';
import { printable } from '../show/printable.ts';

/** `cortex verify [DIR] [--repair]`: exit code 1 when something is wrong and was not repaired. Works with a host, and without one. */
export async function verifyCommand(context: CommandContext, directory: string | undefined, options: SharedOptions & { repair?: boolean }): Promise<number> {
  const dataDirectory = dataDirectoryOf(directory === undefined ? options : { ...options, dataDir: directory }, context.environment, context.workingDirectory);
  if ((await nodeDisk.stat(`${dataDirectory}/segments`)) === undefined) throw new CommandError('NO_JOURNAL', `${dataDirectory} holds no journal; name a data directory: cortex verify DIR`);
  const report = options.repair === true ? await repair(dataDirectory) : await verifyJournal({ disk: nodeDisk }, dataDirectory);
  const after = options.repair === true && !report.isIntact ? await verifyJournal({ disk: nodeDisk }, dataDirectory) : undefined;
  const lines = [
    ...reportLines(report, context),
    ...(report.quarantined ?? []).map((file) => `set aside: ${printable(file)}`),
    ...(after === undefined ? [] : ['', 'after the repair:', ...reportLines(after, context)]),
    ...(report.isIntact || after !== undefined ? [] : ['', `the host does not start on a damaged journal; stop it and run: cortex verify --repair ${dataDirectory}`]),
  ];
  show(context, options, { ...reportDocument(report), ...(after === undefined ? {} : { after: reportDocument(after) }) }, lines);
  return (after ?? report).isIntact ? 0 : 1;
}

async function repair(dataDirectory: string): Promise<VerifyReport> {
  const seams = { disk: nodeDisk, clock: systemClock, random: systemRandom };
  // Refused while a host owns the directory: two writers would tear what is still whole.
  const lock = await openDataDirectoryLock({ ...seams, processes: systemProcessTable(seams) }, dataDirectory);
  try {
    return await repairJournal({ ...seams, createId: idGenerator(seams), lock }, dataDirectory);
  } catch (error) {
    throw new CommandError('REPAIR_FAILED', `the repair did not succeed: ${describeError(error)}`, { cause: error });
  } finally {
    await lock.release();
  }
}

function reportLines(report: VerifyReport, { terminal: { colors } }: CommandContext): string[] {
  const { events, effects, violations } = report.history;
  const bad = (text: string) => `${colors.red('✗')} ${printable(text)}`;
  return [
    `${report.isIntact ? colors.green('✓ intact') : colors.red('✗ not intact')}: ${counted(report.segments, 'segment')}, ${report.entries} entries of ${counted(report.processes.filter(({ processId }) => !isHostProcess(processId)).length, 'agent')}, ${counted(report.checkpoints.intact, 'checkpoint')}`,
    `  events: ${events.accepted} accepted, ${events.closed} closed, ${events.pending} open`,
    `  effects: ${effects.intents} begun, ${effects.outcomes} with an outcome, ${effects.unknown} unknown`,
    ...(report.tornTail === undefined ? [] : [`  a torn end of ${report.tornTail.length} bytes, which the next start cuts off: nothing of it was acknowledged`]),
    ...(report.repairedGaps === 0 ? [] : [colors.yellow(`  ${counted(report.repairedGaps, 'gap')} from earlier repairs`)]),
    ...report.damages.map(({ file, offset, length, problem }) => bad(`damaged: ${file}, ${length} bytes at ${offset}: ${problem}`)),
    ...report.gaps.map(({ processId, fromSeq, toSeq }) => bad(`missing: entries ${fromSeq} to ${toSeq} of ${processId}`)),
    ...(report.checkpoints.damaged === 0 ? [] : [bad(`${counted(report.checkpoints.damaged, 'checkpoint')} damaged`)]),
    ...violations.slice(0, 20).map(({ rule, processId, seq, message }) => bad(`${processId} ${seq}: ${rule}: ${message}`)),
  ];
}

/** As documents are: snake_case. */
function reportDocument(report: VerifyReport) {
  return {
    is_intact: report.isIntact,
    segments: report.segments,
    entries: report.entries,
    processes: report.processes.map(({ processId, entries, hash }) => ({ process_id: processId, entries, hash })),
    damages: report.damages,
    torn_tail: report.tornTail ?? null,
    gaps: report.gaps.map(({ processId, fromSeq, toSeq }) => ({ process_id: processId, from_seq: fromSeq, to_seq: toSeq })),
    repaired_gaps: report.repairedGaps,
    checkpoints: report.checkpoints,
    history: {
      events: report.history.events,
      effects: report.history.effects,
      violations: report.history.violations.map(({ rule, processId, seq, message }) => ({ rule, process_id: processId, seq, message })),
    },
    quarantined: report.quarantined ?? [],
  };
}
