import type { BusConfig } from '@cortex-runtime/bus/config';

import type { ChaosTaskPlan } from './chaos-tasks.ts';

/** What a process of the mesh is told when it starts. */
export interface MeshMemberOptions {
  bus: BusConfig;
  plan: ChaosTaskPlan;
  /** Which of its kind it is, from 0. */
  index: number;
  /** Its starts before this one. */
  life: number;
  /** Where histories are kept. */
  histories: string;
  /** A directory for its journal; a worker without one has no ledger. */
  journal?: string;
}
