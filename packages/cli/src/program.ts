import { createRequire } from 'node:module';

import { Command, CommanderError } from 'commander';

import type { CommandContext, SharedOptions } from './command-context.ts';
import { UsageError } from './errors.ts';
import { addMemoryCommands } from './memory-program.ts';
import { addMeshCommands } from './mesh-program.ts';

/** Was the error only commander's way to end after `--help` or `--version`? */
export function isHelpShown(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

/** The commands. Each loads its own code when it runs, so that `cortex status` does not pay for `cortex start`. */
export function buildProgram(context: CommandContext, onExit: (code: number) => void): Command {
  const program = new Command('cortex')
    .description('Durable AI agents on your own machines')
    .version(cliVersion(), '-V, --version')
    .showSuggestionAfterError()
    .helpCommand('help [command]', 'explain a command');
  program.exitOverride((error) => {
    if (error.exitCode === 0) throw error;
    // commander has printed nothing yet (see configureOutput): main prints it as it prints every problem.
    const problem = error.code === 'commander.help' ? 'say which command' : error.message;
    throw new UsageError(`${problem.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')}; see: cortex --help`);
  });
  program.configureOutput({ writeOut: (text) => context.terminal.out(text.replace(/\n$/, '')), writeErr: () => undefined, outputError: () => undefined });

  const command = (name: string, description: string) =>
    withShared(program.command(name).description(description).copyInheritedSettings(program));
  const run = <A extends unknown[]>(act: (...given: A) => Promise<number>) => async (...given: A) => onExit(await act(...given));

  command('start', 'start agents and keep them at work')
    .argument('[paths...]', 'manifests, or directories of them; ./agents when left out')
    .option('-d, --detach', 'return once the agents are at work')
    .option('--host <address>', 'address to listen on (CORTEX_HOST, 127.0.0.1)')
    .option('--port <number>', 'port to listen on, 0 picks a free one (CORTEX_PORT, 8000)')
    .action(run(async (paths: string[], options: SharedOptions & { detach?: boolean; host?: string; port?: string }) => (await import('./commands/start-command.ts')).startCommand(context, paths, options)));
  command('stop', 'let running work finish, then stop one agent or the host')
    .argument('[name]', 'an agent; the whole host when left out')
    .action(run(async (name: string | undefined, options: SharedOptions) => (await import('./commands/stop-command.ts')).stopCommand(context, name, options)));
  command('status', 'show what the agents do')
    .argument('[name]', 'everything about one agent')
    .action(run(async (name: string | undefined, options: SharedOptions) => (await import('./commands/status-command.ts')).statusCommand(context, name, options)));
  command('logs', "show the newest lines of the host's log")
    .argument('[name]', 'only lines about this agent')
    .option('-n, --lines <number>', 'how many', '20')
    .option('-f, --follow', 'go on as lines are added')
    .action(run(async (name: string | undefined, options: SharedOptions & { lines: string; follow?: boolean }) => (await import('./commands/logs-command.ts')).logsCommand(context, name, options)));
  for (const [verb, description] of [['restart', 'stop and start an agent'], ['suspend', 'pause an agent: events are kept, nothing runs'], ['resume', 'end a pause']] as const) {
    command(verb, description)
      .argument('<name>', 'an agent')
      .action(run(async (name: string, options: SharedOptions) => (await import('./commands/control-command.ts')).controlCommand(context, verb, name, options)));
  }
  command('inject', 'wake an agent with an event of your own')
    .argument('<name>', 'an agent')
    .argument('[payload]', 'the same as --payload')
    .option('-p, --payload <json>', 'what happened: JSON, @FILE, or - for the standard input')
    .option('--type <name>', 'trigger type that the agent sees', 'inject')
    .option('--event-id <id>', 'an event with the same id is taken once')
    .action(run(async (name: string, payload: string | undefined, options: SharedOptions & { payload?: string; type?: string; eventId?: string }) => (await import('./commands/inject-command.ts')).injectCommand(context, name, options.payload ?? payload, options)));
  command('journal', 'show the newest entries of an agent\'s journal')
    .argument('<name>', 'an agent')
    .option('-n, --lines <number>', 'how many', '20')
    .option('-t, --type <types>', 'only these entry types, separated by commas')
    .option('-f, --follow', 'go on as entries are added')
    .action(run(async (name: string, options: SharedOptions & { lines: string; type?: string; follow?: boolean }) => (await import('./commands/journal-command.ts')).journalCommand(context, name, options)));
  command('effects', 'list calls whose outcome is unknown')
    .argument('[name]', 'an agent')
    .action(run(async (name: string | undefined, options: SharedOptions) => (await import('./commands/effects-command.ts')).effectsCommand(context, name, options)));
  command('resolve', 'say what became of a call whose outcome is unknown')
    .argument('<effect>', 'id of the effect, or the beginning of it')
    .argument('<resolution>', 'happened, not-happened or retry')
    .option('--result <json>', 'what the call gave: JSON, @FILE or -')
    .option('--by <who>', 'who decided; kept in the journal')
    .action(run(async (effect: string, resolution: string, options: SharedOptions & { result?: string; by?: string }) => (await import('./commands/effects-command.ts')).resolveCommand(context, effect, resolution, options)));
  command('approvals', 'list calls that wait for your approval')
    .option('--all', 'also those that were answered, used or have expired')
    .action(run(async (options: SharedOptions & { all?: boolean }) => (await import('./commands/approvals-command.ts')).approvalsCommand(context, options)));
  for (const [verb, description] of [['approve', 'let a call be made that waits for your approval'], ['deny', 'refuse a call that waits for your approval']] as const) {
    command(verb, description)
      .argument('<id>', 'id of the approval, or the beginning of it')
      .option('--reason <text>', verb === 'deny' ? 'told to the agent' : 'kept in the journal')
      .option('--by <who>', 'who decided; kept in the journal')
      .action(run(async (id: string, options: SharedOptions & { reason?: string; by?: string }) => (await import('./commands/approvals-command.ts')).decideCommand(context, verb, id, options)));
  }
  command('plugins', 'show the plugins of the agents, and what stands before each action')
    .action(run(async (options: SharedOptions) => (await import('./commands/plugins-command.ts')).pluginsCommand(context, options)));
  command('run-action', 'carry out an action of a plugin yourself, as an operator')
    .argument('<plugin>', 'id of the plugin, as `cortex plugins --json` shows it; its name will do where there is one of it')
    .argument('<action>', 'name of the action')
    .option('--params <json>', 'its parameters: JSON, @FILE, or - for the standard input', '{}')
    .option('--key <key>', 'makes the call the same call when it is made again')
    .option('--by <who>', 'who calls; kept in the journal')
    .action(run(async (plugin: string, action: string, options: SharedOptions & { params: string; key?: string; by?: string }) => (await import('./commands/run-action-command.ts')).runActionCommand(context, plugin, action, options)));
  command('dead-letters', 'list events that an agent gave up on')
    .argument('<name>', 'an agent')
    .option('--redeliver [id]', 'take them back in: all, or one')
    .option('--clear', 'forget them')
    .action(run(async (name: string, options: SharedOptions & { redeliver?: string | boolean; clear?: boolean }) => (await import('./commands/dead-letters-command.ts')).deadLettersCommand(context, name, options)));
  const memory = program.command('memory').description('what agents remember, and what they would like to').copyInheritedSettings(program);
  addMemoryCommands({ context, run, command: (name, description) => withShared(memory.command(name).description(description).copyInheritedSettings(program)) });
  command('sessions', 'list the conversations of the agents, or show one')
    .argument('[id]', 'id of a session')
    .option('-n, --lines <number>', 'how many, the newest', '20')
    .action(run(async (id: string | undefined, options: SharedOptions & { lines: string }) => (await import('./commands/sessions-command.ts')).sessionsCommand(context, id, options)));
  addMeshCommands({ context, run, command });
  command('validate', 'check manifests')
    .argument('<paths...>', 'manifests, or directories of them')
    .action(run(async (paths: string[], options: SharedOptions) => (await import('./commands/validate-command.ts')).validateCommand(context, paths, options)));
  command('init', 'write a manifest to begin with')
    .argument('[name]', 'name of the agent', 'my-agent')
    .option('-t, --template <name>', 'basic, cron, webhook, file-watch or full', 'basic')
    .option('-o, --output <file>', 'where to write it; NAME.agent when left out')
    .option('--force', 'replace a file that is there')
    .action(run(async (name: string, options: SharedOptions & { template: string; output?: string; force?: boolean }) => (await import('./commands/init-command.ts')).initCommand(context, name, options)));
  command('verify', 'check a data directory: hashes, order, checkpoints, and that every event was closed once')
    .argument('[dir]', 'a data directory; CORTEX_DATA_DIR or .cortex when left out')
    .option('--repair', 'set damaged bytes aside so that the journal opens again; no host may run on it')
    .action(run(async (directory: string | undefined, options: SharedOptions & { repair?: boolean }) => (await import('./commands/verify-command.ts')).verifyCommand(context, directory, options)));
  return program;
}

function withShared(command: Command): Command {
  return command
    .option('--json', 'print JSON')
    .option('--data-dir <dir>', 'data directory of the host (CORTEX_DATA_DIR, .cortex)')
    .option('--url <url>', 'a host elsewhere')
    .option('--token <token>', 'its bearer token (CORTEX_TOKEN)')
    .option('--no-color', 'no colours');
}

function cliVersion(): string {
  try {
    return (createRequire(import.meta.url)('@cortex-runtime/cli/package.json') as { version: string }).version;
  } catch {
    return '0.0.0'; // bundled without its package
  }
}
