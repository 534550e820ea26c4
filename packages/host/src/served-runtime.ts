import type { AgentRuntime } from '@cortex-runtime/agent-process';
import { hasReferences, toDocument } from '@cortex-runtime/core';
import type { ServedRuntime } from '@cortex-runtime/server';
import { TriggerConfig, triggerIdOf } from '@cortex-runtime/triggers';

/** The runtime as the HTTP server sees it. */
export function servedRuntime(runtime: AgentRuntime): ServedRuntime {
  return {
    getProcess: (name) => runtime.getProcess(name),
    listProcesses: () => runtime.listProcesses(),
    status: () => {
      const { processCount, processes } = runtime.status();
      return { processCount, processes: { ...processes } };
    },
    startAll: () => runtime.startAll(),
    startProcess: (name) => runtime.startProcess(name),
    stopProcess: (name) => runtime.stopProcess(name),
    restartProcess: (name) => runtime.restartProcess(name),
    triggersOf: async (name) => {
      const { triggers } = await runtime.getProcess(name).readConfig();
      return triggers.map((config) => ({ id: triggerIdOf(config), type: config.type, source: 'config', config: toDocument(TriggerConfig, maskSecret(config)) as object }));
    },
  };
}

/** A secret that the manifest holds in plain sight stays there; a reference says nothing. */
function maskSecret(config: TriggerConfig): TriggerConfig {
  return config.hmacSecret === undefined || hasReferences(config.hmacSecret) ? config : { ...config, hmacSecret: '**********' };
}
