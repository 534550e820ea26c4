import { hostVersion, readHostConfig, startHost, untilStopped } from '@cortex-runtime/host';

import { UsageError } from '../errors.ts';
import type { CommandContext, SharedOptions } from '../command-context.ts';
import { dataDirectoryOf } from '../connect.ts';
import { describeProblem } from '../describe-problem.ts';
import { activityLine } from '../show/activity-line.ts';
import { counted, shortDuration, waitingApprovals } from '../show/amounts.ts';
import { agentLines, type StartedAgent } from '../show/agent-lines.ts';
import { clip, printable } from '../show/printable.ts';
import { startDetached } from '../start-detached.ts';

export interface StartOptions extends SharedOptions {
  detach?: boolean;
  host?: string;
  port?: string;
}

/** `cortex start [PATHS…]`: runs a host in this process until it is told to stop; `--detach` leaves it running behind. */
export async function startCommand(context: CommandContext, paths: readonly string[], options: StartOptions): Promise<number> {
  if (options.url !== undefined) throw new UsageError('--url points at a host that runs already; cortex start starts one here');
  const config = readHostConfig(context.environment, { host: options.host, port: options.port, token: options.token, dataDirectory: options.dataDir });
  if (options.detach === true) return startDetached(context, paths, options, dataDirectoryOf(options, context.environment, context.workingDirectory));

  const { terminal } = context;
  const { colors } = terminal;
  const isJson = options.json === true;
  const say = (line: string) => {
    if (!isJson) terminal.out(line);
  };
  const emit = (event: object) => {
    if (isJson) terminal.out(JSON.stringify(event));
  };
  const done = (what: string, afterMs: number) => say(`${colors.green('✓')} ${what}  ${colors.dim(shortDuration(afterMs))}`);

  say(`${colors.bold('cortex')} ${hostVersion()}`);
  const names = new Map<string, string>();
  let isAtWork = false;
  const held: string[] = [];
  const live = (line: string) => (isAtWork ? say(line) : held.push(line));

  const host = await startHost({
    config,
    environment: context.environment,
    agents: paths,
    workingDirectory: context.workingDirectory,
    onProgress: (progress) => {
      switch (progress.step) {
        case 'journal-opened':
          emit({ event: 'journal_opened', data_directory: progress.dataDirectory, agents: progress.agents });
          done(`journal open in ${progress.dataDirectory}${progress.agents === 0 ? '' : `, with the story of ${counted(progress.agents, 'agent')}`}`, progress.afterMs);
          break;
        case 'listening':
          emit({ event: 'listening', url: progress.url, pid: process.pid });
          done(`host ready at ${progress.url}  pid ${process.pid}`, progress.afterMs);
          break;
        case 'loaded':
          emit({ event: 'loaded', names: progress.names, errors: progress.errors.map(({ file, error }) => ({ file, message: describeProblem(error).message })) });
          done(`${counted(progress.names.length, 'agent')} loaded`, progress.afterMs);
          for (const { error } of progress.errors) for (const line of String((error as Error).message).split('\n')) say(`${colors.red('✗')} ${printable(line)}`);
          break;
        case 'started':
          emit({ event: 'started', started: progress.started, failed: progress.failed.map(({ name, error }) => ({ name, message: describeProblem(error).message })), skipped: progress.skipped });
          done(`${counted(progress.started.length, 'agent')} at work`, progress.afterMs);
          for (const { name, error } of progress.failed) say(`${colors.red('✗')} ${printable(name)} could not start: ${describeProblem(error).message}`);
          for (const { name, reason } of progress.skipped) say(`${colors.yellow('-')} ${printable(name)} was not started: ${printable(reason)}; start it with: cortex restart ${printable(name)}`);
          break;
      }
    },
    onEntry: (entry) => {
      const line = activityLine(entry, names.get(entry.processId) ?? entry.processId, colors, Math.min(process.stdout.columns ?? 110, 140));
      if (line !== undefined) live(line);
    },
    onProblem: (line) => {
      const problem = problemLine(line);
      if (problem !== undefined) live(colors.yellow(problem));
    },
  });

  const agents: StartedAgent[] = [];
  // A fleet is not listed agent by agent: `cortex status` does that, page by page.
  if (host.runtime.processes.size <= listedAgents) {
    for (const agent of host.runtime.processes.values()) {
      const config = await agent.readConfig();
      const { is_language_model: isLanguageModel, warnings } = agent.status();
      agents.push({ name: agent.name, state: agent.state, config, source: agent.source, isLanguageModel, warnings });
    }
  } else if (!isJson) say(`${host.runtime.processes.size} agents: see them with "${commandName(context.entry)} status"`);
  for (const agent of host.runtime.processes.values()) names.set(agent.processId, agent.name);
  if (!isJson) for (const line of agentLines(agents, { url: host.url, colors, workingDirectory: context.workingDirectory, command: commandName(context.entry) })) say(line);
  const waiting = [...host.runtime.processes.values()].reduce((sum, agent) => sum + agent.status().waiting_approvals, 0);
  if (waiting > 0) say(colors.yellow(waitingApprovals(waiting, commandName(context.entry))));
  isAtWork = true;
  for (const line of held.splice(0)) say(line);

  const exitCode = await untilStopped(host, {
    onSignal: (signal) => say(`\n${signal}: running work is finished first; once more ends at once (nothing acknowledged is lost)`),
  });
  emit({ event: 'stopped' });
  say('the host has stopped');
  return exitCode;
}

/** More agents than this are counted, not listed. */
const listedAgents = 50;

/** How the person at the terminal calls us: a clone has no `cortex` on the path. */
function commandName(entry: string): string {
  return entry.includes('/node_modules/.cache/') ? 'npx cortex' : 'cortex';
}

/** What the log repeats of the report of the start and of the lines about runs. */
const alreadySaid = ['a process could not start', 'a manifest could not be loaded', 'not a language model', 'a run waits', 'a run failed', 'an event was given up'];

/** A warning or an error of the log, for the person at the terminal. */
function problemLine(json: string): string | undefined {
  try {
    const line = JSON.parse(json) as Record<string, unknown>;
    if (alreadySaid.some((said) => String(line['msg']).includes(said))) return undefined;
    const name = line['process'] ?? line['plugin'];
    const who = typeof name === 'string' ? `${name}: ` : '';
    const why = ['problem', 'error', 'reason'].map((key) => line[key]).find((value) => typeof value === 'string');
    return clip(printable(`! ${who}${String(line['msg'])}${why === undefined ? '' : `: ${String(why)}`}`), 300);
  } catch {
    return undefined;
  }
}
