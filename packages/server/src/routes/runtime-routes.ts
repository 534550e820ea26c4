import { errorAnswer } from '../error-reply.ts';
import { HttpError } from '../errors.ts';
import type { RouteGroup } from './route-context.ts';

/** Routes of the host as a whole. */
export const runtimeRoutes: RouteGroup = (app, { deps }) => {
  const { runtime } = deps;

  app.get('/ready', (_request, reply) => {
    const phase = deps.phase();
    return reply.code(phase === 'ready' ? 200 : 503).send({ status: phase });
  });

  app.get('/runtime/status', async () => {
    const pending = (await deps.plugins?.approvals('pending')) ?? [];
    const { processCount, processes } = runtime.status();
    return { process_count: processCount, pending_approvals: pending.length, processes };
  });

  app.post('/runtime/start-all', async () => {
    const { started, failed, skipped } = await runtime.startAll();
    return { status: failed.length === 0 ? 'started' : 'partial', started, failed: failed.map(({ name, error }) => failureOf(name, error)), skipped };
  });

  // As many at once as there are, each with its own outcome: one that can not stop does not keep the others running.
  app.post('/runtime/stop-all', async () => {
    const names = runtime.listProcesses().map(({ name }) => name);
    const outcomes = await Promise.allSettled(names.map((name) => runtime.getProcess(name).stop({ by: 'operator', reason: 'stop-all' })));
    const failed = outcomes.flatMap((outcome, index) => (outcome.status === 'rejected' ? [failureOf(names[index] ?? '', outcome.reason)] : []));
    return { status: failed.length === 0 ? 'stopped' : 'partial', stopped: names.filter((_, index) => outcomes[index]?.status === 'fulfilled'), failed };
  });

  app.post('/runtime/shutdown', (_request, reply) => {
    reply.raw.once('close', () => deps.requestShutdown());
    return reply.header('connection', 'close').send({ status: 'stopping', pid: process.pid });
  });

  app.get('/logs', async (request) => {
    if (deps.readLogs === undefined) throw new HttpError(404, 'NO_LOG', 'this host keeps no log file');
    const { limit = '100', after, process: name } = request.query as { limit?: string; after?: string; process?: string };
    if (!/^\d{1,4}$/.test(limit) || Number(limit) > 1_000) throw new HttpError(422, 'INVALID_INPUT', `limit: must be a whole number from 0 to 1000, got ${JSON.stringify(limit)}`);
    return deps.readLogs({ limit: Number(limit), ...(after === undefined ? {} : { after }), ...(name === undefined ? {} : { process: name }) });
  });
};

function failureOf(name: string, error: unknown) {
  const { code, message } = errorAnswer(error);
  return { name, error: { code, message } };
}
