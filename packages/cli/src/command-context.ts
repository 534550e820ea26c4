import type { OrchestrationClient } from '@cortex-runtime/orchestration-client';

import type { Terminal } from './show/terminal.ts';

/** Options that every command takes. */
export interface SharedOptions {
  json?: boolean;
  dataDir?: string;
  url?: string;
  token?: string;
  color?: boolean;
}

/** What a command works with. */
export interface CommandContext {
  terminal: Terminal;
  environment: Readonly<Record<string, string | undefined>>;
  workingDirectory: string;
  /** Where `main` is, for a detached host. */
  entry: string;
  readInput: () => Promise<string>;
  /** A client of the host that the options point at. @throws CommandError when none runs */
  connect: (options: SharedOptions) => Promise<OrchestrationClient>;
}

/** Prints a value as JSON, or the lines of it. */
export function show(context: CommandContext, options: SharedOptions, value: unknown, lines: readonly string[]): void {
  if (options.json === true) context.terminal.out(JSON.stringify(value, null, 2));
  else for (const line of lines) context.terminal.out(line);
}
