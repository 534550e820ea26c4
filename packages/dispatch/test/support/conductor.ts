import { startProgram } from './child-program.ts';

export interface ConductorProgramOptions {
  url: string;
  orgId: string;
  times: number;
  /** As a message to a `TaskDispatcher`, or as a task to a `TaskClient`. */
  how: 'dispatch' | 'submit';
  /** Of the message, or the task. */
  id: string;
  text: string;
}

export interface ConductorAnswers {
  /** Of each that was taken, `TASK ENTRY`. */
  tasks: string[];
  /** Of each that was refused, the code. */
  errors: string[];
}

/** Runs one process for each of the options, lets all of them hand in at the same moment, and gives what each was told. */
export async function submitFromProcesses(processes: readonly ConductorProgramOptions[]): Promise<ConductorAnswers[]> {
  const programs = await Promise.all(processes.map((options) => startProgram('conductor-program.ts', 'submitAtOnce', options)));
  for (const { nextLine } of programs) await nextLine(); // ready
  for (const { child } of programs) child.stdin?.write('go\n');
  return Promise.all(programs.map(async ({ nextLine }) => JSON.parse((await nextLine()) ?? '') as ConductorAnswers));
}
