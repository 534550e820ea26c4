import { assertJsonValue, parseDocument, type JsonObject } from '@cortex-runtime/core';
import { CancelTaskRequest, SubmitTaskRequest, TaskResultRequest } from '@cortex-runtime/orchestration-client/contract';
import type { FastifyReply } from 'fastify';

import type { NewServedTask } from '../served-mesh.ts';
import { bodyOf, type RouteGroup } from './route-context.ts';

/** Routes that hand in tasks, bring their results, and take them back. */
export const taskRoutes: RouteGroup = (app, { deps: { mesh } }) => {
  if (mesh === undefined) return;
  const waits = new Set<AbortController>();

  app.post('/tasks', async (request, reply) => {
    const task = bodyOf(SubmitTaskRequest, request);
    for (const [field, value] of Object.entries(request.body ?? {})) assertJsonValue(value, field);
    const { taskId, stream, msgId, agent, domain, rule, isDuplicate } = await mesh.submit(newTask(task));
    return reply.code(202).send({ status: isDuplicate ? 'duplicate' : 'accepted', task_id: taskId, stream, msg_id: msgId, agent, domain, rule });
  });

  app.get('/tasks/:taskId', async (request, reply) => {
    const { taskId } = request.params as { taskId: string };
    const { waitMs } = parseDocument(TaskResultRequest, { ...(request.query as object) }, 'the query');
    const result = await whileWanted(reply, (signal) => mesh.result(taskId, waitMs, signal));
    if (result === undefined) return reply.code(202).send({ status: 'pending', task_id: taskId });
    return { status: 'done', task_id: taskId, result };
  });

  app.delete('/tasks/:taskId', async (request) => {
    const { taskId } = request.params as { taskId: string };
    const { by, reason } = bodyOf(CancelTaskRequest, request);
    return { task_id: taskId, cancelled: await mesh.cancel(taskId, { by: by ?? 'operator', ...(reason === undefined ? {} : { reason }) }) };
  });

  /** Waits until there is something, the client has gone away, or the server closes; undefined when there is nothing by then. */
  async function whileWanted<T>(reply: FastifyReply, wait: (signal: AbortSignal) => Promise<T | undefined>): Promise<T | undefined> {
    const wanted = new AbortController();
    reply.raw.once('close', () => wanted.abort());
    waits.add(wanted);
    try {
      return await wait(wanted.signal);
    } catch (error) {
      if (wanted.signal.aborted) return undefined;
      throw error;
    } finally {
      waits.delete(wanted);
    }
  }

  // Whoever waits is told that there is nothing yet, and asks again where the host comes back.
  app.addHook('preClose', (done) => {
    for (const wanted of waits) wanted.abort();
    done();
  });
};

function newTask({ text, taskId, agent, domain, priority, sender, senderId, threadId, metadata }: SubmitTaskRequest): NewServedTask {
  return {
    text,
    ...(taskId === undefined ? {} : { taskId }),
    ...(agent === undefined ? {} : { agent }),
    ...(domain === undefined ? {} : { domain }),
    ...(priority === undefined ? {} : { priority }),
    ...(sender === undefined ? {} : { sender }),
    ...(senderId === undefined ? {} : { senderId }),
    ...(threadId === undefined ? {} : { threadId }),
    ...(metadata === undefined ? {} : { metadata: metadata as JsonObject }),
  };
}
