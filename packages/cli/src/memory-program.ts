import type { SharedOptions } from './command-context.ts';
import type { ProgramParts } from './program-parts.ts';

/** The commands below `cortex memory`. */
export function addMemoryCommands({ context, command, run }: ProgramParts): void {
  const load = () => import('./commands/memory-command.ts');
  command('proposals', 'list what agents propose to remember')
    .action(run(async (options: SharedOptions) => (await load()).proposalsCommand(context, options)));
  command('accept', 'let a proposal be remembered')
    .argument('<id>', 'id of the proposal, or the beginning of it')
    .option('--by <who>', 'who decided; kept with the memory')
    .action(run(async (id: string, options: SharedOptions & { by?: string }) => (await load()).acceptCommand(context, id, options)));
  command('reject', 'refuse a proposal')
    .argument('<id>', 'id of the proposal, or the beginning of it')
    .option('--by <who>', 'who decided; kept with the proposal')
    .option('--reason <text>', 'why; kept with the proposal')
    .action(run(async (id: string, options: SharedOptions & { by?: string; reason?: string }) => (await load()).rejectCommand(context, id, options)));
  command('list', 'list what is remembered in a category')
    .argument('<category>', 'people, projects, context, facts, skills or preferences')
    .action(run(async (category: string, options: SharedOptions) => (await load()).listMemoryCommand(context, category, options)));
  command('read', 'show what is remembered, and where it comes from')
    .argument('<category>', 'people, projects, context, facts, skills or preferences')
    .argument('<name>', 'name of the entry')
    .action(run(async (category: string, name: string, options: SharedOptions) => (await load()).readMemoryCommand(context, category, name, options)));
}
