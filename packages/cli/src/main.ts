import { text } from 'node:stream/consumers';

import { connect } from './connect.ts';
import { describeProblem } from './describe-problem.ts';
import { buildProgram, isHelpShown } from './program.ts';
import { processTerminal } from './show/terminal.ts';

/** Runs `cortex` with the given arguments and resolves to the exit code: 0 done, 1 failed, 2 written wrongly. */
export async function main(argv: readonly string[]): Promise<number> {
  const environment = process.env;
  const isJson = argv.includes('--json');
  const terminal = processTerminal(environment, { color: !argv.includes('--no-color') });
  let exitCode = 0;
  const program = buildProgram(
    {
      terminal,
      environment,
      workingDirectory: process.cwd(),
      entry: import.meta.url,
      readInput: () => text(process.stdin),
      connect: (options) => Promise.resolve().then(() => connect(options, environment, process.cwd())),
    },
    (code) => (exitCode = code),
  );
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (isHelpShown(error)) return 0;
    const problem = describeProblem(error);
    if (environment['CORTEX_LOG_LEVEL'] === 'debug' && error instanceof Error) terminal.err(error.stack ?? '');
    if (isJson) terminal.out(JSON.stringify({ error: { code: problem.code, message: problem.message } }));
    else terminal.err(`${terminal.colors.red('error:')} ${problem.message}`);
    return problem.exitCode;
  }
}
