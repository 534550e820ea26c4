import type { SharedOptions } from './command-context.ts';
import type { DispatchOptions } from './commands/dispatch-command.ts';
import type { ProgramParts } from './program-parts.ts';

/** The commands for agents that work together: tasks, events and topics. */
export function addMeshCommands({ context, command, run }: ProgramParts): void {
  command('agents', 'list the agents that work together, and where they run')
    .action(run(async (options: SharedOptions) => (await import('./commands/agents-command.ts')).agentsCommand(context, options)));
  command('dispatch', 'hand in a task and wait for its answer')
    .argument('<text...>', 'what is to be done, - for the standard input; "@NAME" in it asks that agent')
    .option('--agent <name>', 'for this agent alone')
    .option('--domain <name>', 'for any agent of this domain')
    .option('--priority <name>', 'low, normal, high or urgent')
    .option('--thread <id>', 'tasks of one thread go to one agent')
    .option('--id <id>', 'a task with the same id is taken once')
    .option('--timeout <duration>', 'how long to wait', '5m')
    .option('--no-wait', 'end as soon as the task is taken')
    .action(run(async (words: string[], options: DispatchOptions) => (await import('./commands/dispatch-command.ts')).dispatchCommand(context, words, options)));
  command('result', 'show the answer of a task')
    .argument('<task>', 'id of the task')
    .option('--timeout <duration>', 'how long to wait for it', '0')
    .action(run(async (taskId: string, options: SharedOptions & { timeout: string }) => (await import('./commands/result-command.ts')).resultCommand(context, taskId, options)));
  command('cancel', 'take a task back')
    .argument('<task>', 'id of the task')
    .option('--reason <text>', 'stands in its result')
    .option('--by <who>', 'who takes it back')
    .action(run(async (taskId: string, options: SharedOptions & { reason?: string; by?: string }) => (await import('./commands/cancel-command.ts')).cancelCommand(context, taskId, options)));
  command('emit', 'tell everybody who listens that something happened')
    .argument('<type>', 'what kind of thing: words separated by dots, such as order.paid')
    .argument('[data]', 'what happened: JSON, @FILE, or - for the standard input')
    .option('--source <name>', 'who says so; operator when left out')
    .option('--id <id>', 'listeners take an event with the same id once')
    .action(run(async (eventType: string, data: string | undefined, options: SharedOptions & { source?: string; id?: string }) => (await import('./commands/emit-command.ts')).emitCommand(context, eventType, data, options)));
  command('publish', 'publish a message to a topic')
    .argument('<topic>', 'name of the topic')
    .argument('[text]', 'what is said, - for the standard input')
    .option('--content <json>', 'instead of a text: JSON, @FILE, or - for the standard input')
    .option('--sender <name>', 'who says so; your user name when left out')
    .option('--id <id>', 'a message with the same id is published once')
    .action(run(async (topic: string, text: string | undefined, options: SharedOptions & { content?: string; sender?: string; id?: string }) => (await import('./commands/publish-command.ts')).publishCommand(context, topic, text, options)));
}
