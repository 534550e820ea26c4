/** A host in this process, so that its memory can be looked at from inside. */
import { startHost, readHostConfig, type Host } from '@cortex-runtime/host';

let host: Host;

interface Memory {
  rss: number;
  heapUsed: number;
  external: number;
}

/** Bytes after collections, when what is only waiting to be collected is gone. */
async function settledMemory(): Promise<Memory> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('run with node --expose-gc');
  for (let round = 0; round < 4; round += 1) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heapUsed, external };
}

export const operations = {
  async start({ agents, dataDirectory, hibernateAfter }: { agents: string; dataDirectory: string; hibernateAfter: string }): Promise<{ started: number; afterMs: number }> {
    const begun = performance.now();
    let started = 0;
    const config = readHostConfig({ CORTEX_HIBERNATE_AFTER: hibernateAfter, CORTEX_LOG_LEVEL: 'error', CORTEX_PORT: '0' }, { dataDirectory });
    host = await startHost({
      config,
      environment: {},
      agents: [agents],
      workingDirectory: agents,
      onProgress: (progress) => {
        if (progress.step === 'started') started = progress.started.length;
      },
    });
    return { started, afterMs: performance.now() - begun };
  },
  /** Waits until every agent has left memory. */
  async hibernate(): Promise<number> {
    const processes = [...host.runtime.processes.values()];
    const deadline = performance.now() + 120_000;
    while (!processes.every((process) => process.isHibernating)) {
      if (performance.now() > deadline) throw new Error(`${processes.filter((process) => !process.isHibernating).length} agents are still awake after two minutes`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return processes.length;
  },
  memory: async (): Promise<Memory & { rssBefore: number }> => {
    const rssBefore = process.memoryUsage().rss;
    return { ...(await settledMemory()), rssBefore };
  },
  /** Milliseconds of each wake-up of an agent that hibernates, one after another, in no order. */
  async wake(count: number): Promise<number[]> {
    const processes = [...host.runtime.processes.values()].filter((process) => process.isHibernating);
    const milliseconds: number[] = [];
    for (let index = 0; index < Math.min(count, processes.length); index += 1) {
      const process = processes[(index * 7_919) % processes.length];
      if (process === undefined || !process.isHibernating) continue;
      const begun = performance.now();
      await process.wake();
      milliseconds.push(performance.now() - begun);
    }
    return milliseconds;
  },
  stop: () => host.stop('the measurement is over'),
};
