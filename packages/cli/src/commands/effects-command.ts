import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { CommandError, UsageError } from '../errors.ts';
import { jsonArgument } from '../json-argument.ts';
import { clip, printable } from '../show/printable.ts';
import { findWaitingEffects, type FoundEffect } from '../waiting-effects.ts';

/** `cortex effects [NAME]`: calls whose outcome is unknown, and how to settle them. */
export async function effectsCommand(context: CommandContext, name: string | undefined, options: SharedOptions): Promise<number> {
  const found = await findWaitingEffects(await context.connect(options), name);
  show(context, options, found.map(documentOf), found.length === 0 ? ['nothing waits for you'] : found.flatMap((each) => effectLines(each, context)));
  return 0;
}

/** `cortex resolve EFFECT happened|not-happened|retry`: the id may be cut short as long as it fits one. */
export async function resolveCommand(context: CommandContext, effect: string, resolution: string, options: SharedOptions & { result?: string; by?: string }): Promise<number> {
  if (resolution !== 'happened' && resolution !== 'not-happened' && resolution !== 'retry') {
    throw new UsageError(`say what became of the effect: happened, not-happened or retry, not ${JSON.stringify(resolution)}`);
  }
  if (options.result !== undefined && resolution !== 'happened') throw new UsageError('--result goes with "happened": it is what the call gave');
  const result = options.result === undefined ? undefined : await jsonArgument('--result', options.result, context.readInput);
  const client = await context.connect(options);
  const waiting = await findWaitingEffects(client);
  const fitting = waiting.filter(({ effectId }) => effectId === effect).concat(waiting.filter(({ effectId }) => effectId !== effect && effectId.startsWith(effect)));
  const [chosen, another] = fitting;
  if (chosen === undefined) throw new CommandError('EFFECT_NOT_FOUND', `no effect ${effect} waits for a decision; list those that do: cortex effects`);
  if (another !== undefined && chosen.effectId !== effect) throw new CommandError('EFFECT_AMBIGUOUS', `${effect} fits ${fitting.length} effects: ${fitting.slice(0, 3).map(({ effectId }) => effectId).join(', ')}; write more of it`);
  const reply = await client.resolveEffect(chosen.process, chosen.effectId, {
    resolution,
    ...(result === undefined ? {} : { result }),
    by: options.by ?? `${context.environment['USER'] || 'operator'} (cortex resolve)`,
  });
  const then = { happened: 'the run goes on with its result', 'not-happened': 'the agent is told that it did not happen', retry: 'it is done once more' }[resolution];
  show(context, options, { name: reply.name, effect_id: reply.effectId, resolution }, [`${chosen.tool} of ${reply.name}: ${resolution}; ${then}`]);
  return 0;
}

function documentOf(effect: FoundEffect) {
  return { process: effect.process, effect_id: effect.effectId, run_id: effect.runId, tool: effect.tool, args: effect.args, since: effect.since, reason: effect.reason };
}

function effectLines(effect: FoundEffect, { terminal: { colors } }: CommandContext): string[] {
  return [
    `${colors.bold(printable(effect.process))}  ${printable(effect.tool)}  ${clip(printable(JSON.stringify(effect.args) ?? ''), 100)}`,
    ...(effect.reason === undefined ? [] : [`  ${colors.dim(printable(effect.reason))}`]),
    `  cortex resolve ${printable(effect.effectId)} happened|not-happened|retry`,
  ];
}
