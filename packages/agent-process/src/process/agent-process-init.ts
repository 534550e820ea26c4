import type { Journal } from '@cortex-runtime/journal';
import type { ProcessConfig } from '@cortex-runtime/manifest';

import { ProcessState } from '../lifecycle/process-state.ts';

/** Who asked for a move: a process that an operator stopped stays stopped when the host starts again. */
export type Initiator = 'operator' | 'host';

export interface AgentProcessInit {
  name: string;
  processId: string;
  config: ProcessConfig;
  digest: string;
  /** Path of the manifest. */
  source?: string;
  baseDirectory: string;
  journal: Journal;
}

/** States in which a process is taken up where a crash left it, without a new start. */
export const liveStates: readonly ProcessState[] = [ProcessState.STARTING, ProcessState.RUNNING, ProcessState.SUSPENDED, ProcessState.AWAITING];
