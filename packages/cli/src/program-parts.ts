import type { Command } from 'commander';

import type { CommandContext } from './command-context.ts';

/** What the program gives a group of commands: how one is made, and how it is run. */
export interface ProgramParts {
  context: CommandContext;
  /** A command with the options that all take. */
  command(name: string, description: string): Command;
  run: <A extends unknown[]>(act: (...given: A) => Promise<number>) => (...given: A) => Promise<void>;
}
