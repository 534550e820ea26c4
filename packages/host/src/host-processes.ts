import { tasksProcessId } from './mesh/tasks-process.ts';
import { pluginsProcessId } from './plugins/plugins-process.ts';

/** Whether a process of the journal is the host's own, and no agent's. */
export function isHostProcess(processId: string): boolean {
  return processId === pluginsProcessId || processId === tasksProcessId;
}
