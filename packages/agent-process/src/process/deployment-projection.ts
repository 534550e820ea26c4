import type { JsonObject } from '@cortex-runtime/core';
import type { Projection } from '@cortex-runtime/journal';

/** The configuration that a process runs with; it survives restarts because it is journaled. */
export interface DeploymentState {
  /** Document form of ProcessConfig; secrets stand in it as `${NAME}` references. Null before the first deployment. */
  config: JsonObject | null;
  digest: string | null;
  /** Path of the manifest. */
  source: string | null;
  base_directory: string | null;
}

export const deploymentProjection: Projection<DeploymentState> = {
  name: 'deployment',
  initial: () => ({ config: null, digest: null, source: null, base_directory: null }),
  apply(state, entry) {
    if (entry.entryType !== 'process_deployed') return state;
    const { config, digest, source, base_directory } = entry.data as { config: JsonObject; digest: string; source?: string; base_directory?: string };
    return { config, digest, source: source ?? null, base_directory: base_directory ?? null };
  },
};
