/** The same runs as workflows of DBOS: each effect is a step, its result recorded in PostgreSQL. */
import { DBOS } from '@dbos-inc/dbos-sdk';
import { nanosecondsOf } from './nanoseconds.mjs';

const resultOf = (index) => ({ content: JSON.stringify({ order: index, state: 'on its way', carrier: 'ground' }) });
const collected = [];

const workflow = DBOS.registerWorkflow(
  async (steps, isTimed) => {
    for (let index = 0; index < steps; index += 1) {
      const begun = isTimed ? nanosecondsOf() : 0;
      await DBOS.runStep(async () => resultOf(index), { name: 'look_up' });
      if (isTimed) collected.push((nanosecondsOf() - begun) / 1e6);
    }
  },
  { name: 'bench' },
);

export const operations = {
  async open(systemDatabaseUrl) {
    DBOS.setConfig({ name: 'bench', systemDatabaseUrl, logLevel: 'error' });
    await DBOS.launch();
  },
  async throughput({ agents, effectsPerRun }) {
    const begun = nanosecondsOf();
    const handles = await Promise.all(Array.from({ length: agents }, () => DBOS.startWorkflow(workflow)(effectsPerRun, false)));
    await Promise.all(handles.map((handle) => handle.getResult()));
    return (agents * effectsPerRun) / ((nanosecondsOf() - begun) / 1e9);
  },
  async latency({ effectsPerRun }) {
    collected.length = 0;
    const handle = await DBOS.startWorkflow(workflow)(effectsPerRun, true);
    await handle.getResult();
    return collected;
  },
  close: () => DBOS.shutdown(),
};
