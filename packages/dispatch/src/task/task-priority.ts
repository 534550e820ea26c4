/** How urgent a task is. Values are the seed's. */
export const TaskPriority = { LOW: 'low', NORMAL: 'normal', HIGH: 'high', URGENT: 'urgent' } as const;
export type TaskPriority = (typeof TaskPriority)[keyof typeof TaskPriority];

/** From the one that is served first. */
export const prioritiesInOrder: readonly TaskPriority[] = [TaskPriority.URGENT, TaskPriority.HIGH, TaskPriority.NORMAL, TaskPriority.LOW];
