/** The states of an agent process. */
export const ProcessState = {
  CREATED: 'created',
  STARTING: 'starting',
  RUNNING: 'running',
  SUSPENDED: 'suspended',
  AWAITING: 'awaiting',
  STOPPING: 'stopping',
  STOPPED: 'stopped',
  FAILED: 'failed',
} as const;
export type ProcessState = (typeof ProcessState)[keyof typeof ProcessState];

/** Every move there is. Whatever is not listed is refused with a ProcessStateError. */
export const validTransitions: Readonly<Record<ProcessState, readonly ProcessState[]>> = {
  created: ['starting', 'stopped'],
  starting: ['running', 'failed', 'stopping'],
  running: ['suspended', 'stopping', 'failed', 'awaiting'],
  suspended: ['running', 'stopping', 'failed'],
  awaiting: ['running', 'stopping', 'failed'],
  stopping: ['stopped', 'failed'],
  stopped: ['starting'],
  failed: ['starting'],
};
