import type { ServedProcess } from '../served-runtime.ts';
import { failsAs, processOf, type RouteGroup } from './route-context.ts';

/** What can be done to a process, and the code of a failure in doing it. */
const controls: readonly { verb: string; failure: string; act: (process: ServedProcess, restart: () => Promise<void>) => Promise<void> }[] = [
  { verb: 'start', failure: 'START_FAILED', act: (process) => process.start({ by: 'operator' }) },
  { verb: 'stop', failure: 'STOP_FAILED', act: (process) => process.stop({ by: 'operator', reason: 'stopped by an operator' }) },
  { verb: 'restart', failure: 'RESTART_FAILED', act: (_process, restart) => restart() },
  { verb: 'suspend', failure: 'SUSPEND_FAILED', act: (process) => process.suspend('suspended by an operator') },
  { verb: 'resume', failure: 'RESUME_FAILED', act: (process) => process.resume() },
];

/** Routes that read and control one process. */
export const processRoutes: RouteGroup = (app, context) => {
  const { runtime } = context.deps;

  app.get('/processes', () => {
    const processes = runtime.listProcesses().map(({ name, state, processId }) => ({ name, state, process_id: processId }));
    return { processes, total: processes.length };
  });

  app.get('/processes/:name', (request) => processOf(context, request).status());
  app.get('/processes/:name/metrics', (request) => processOf(context, request).status());

  for (const { verb, failure, act } of controls) {
    app.post(`/processes/:name/${verb}`, async (request, reply) => {
      const { name } = processOf(context, request);
      failsAs(reply, failure);
      await act(runtime.getProcess(name), () => runtime.restartProcess(name));
      return { name, state: runtime.getProcess(name).state };
    });
  }

  app.get('/processes/:name/triggers', async (request) => {
    const { name } = processOf(context, request);
    const triggers = (await runtime.triggersOf?.(name)) ?? [];
    return { name, triggers, count: triggers.length };
  });
};
