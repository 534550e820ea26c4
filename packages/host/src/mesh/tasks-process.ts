/** The process of a host's journal that holds the tasks which were handed in there; no agent can have this name. */
export const tasksProcessId = 'host.tasks';
