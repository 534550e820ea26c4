import { assertJsonValue, type JsonObject } from '@cortex-runtime/core';
import { EmitEventRequest, PublishMessageRequest } from '@cortex-runtime/orchestration-client/contract';

import { bodyOf, type RouteGroup } from './route-context.ts';

/** Routes that show who is in the mesh, and tell it something. */
export const meshRoutes: RouteGroup = (app, { deps: { mesh } }) => {
  if (mesh === undefined) return;

  app.get('/mesh', () => mesh.health());

  app.get('/mesh/agents', async () => {
    const agents = await mesh.agents();
    return { agents, count: agents.length };
  });

  app.post('/events', async (request, reply) => {
    const { eventType, data, source, eventId } = bodyOf(EmitEventRequest, request);
    assertJsonValue(data, 'data');
    return reply.code(202).send({ event_id: await mesh.emit({ eventType, data, source, ...(eventId === undefined ? {} : { eventId }) }) });
  });

  app.post('/topics/:topic/messages', async (request, reply) => {
    const { topic } = request.params as { topic: string };
    const { content, sender, messageId, session } = bodyOf(PublishMessageRequest, request);
    assertJsonValue(content, 'content');
    if (session !== undefined) assertJsonValue(session, 'session');
    const published = await mesh.publish(topic, {
      content,
      sender,
      ...(messageId === undefined ? {} : { messageId }),
      ...(session === undefined ? {} : { session: session as JsonObject }),
    });
    return reply.code(202).send({ message_id: published });
  });
};
