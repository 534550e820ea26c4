import { assertJsonValue } from '@cortex-runtime/core';
import { InjectRequest, RedeliverRequest } from '@cortex-runtime/orchestration-client/contract';
import { triggerEventToDocument } from '@cortex-runtime/triggers';

import type { ServedDeadLetter } from '../served-runtime.ts';
import { bodyOf, processOf, type RouteGroup } from './route-context.ts';

/** Routes that bring events to an agent, and back. */
export const eventRoutes: RouteGroup = (app, context) => {
  app.post('/processes/:name/events', async (request, reply) => {
    const target = processOf(context, request);
    const { payload, triggerType, eventId } = bodyOf(InjectRequest, request);
    assertJsonValue(payload, 'payload');
    const taken = await target.inject({ payload, triggerType, ...(eventId === undefined ? {} : { eventId }) });
    return reply.code(taken.outcome === 'accepted' ? 202 : 200).send({ status: taken.outcome, event_id: taken.eventId, process: target.name });
  });

  app.get('/processes/:name/dead-letters', async (request) => {
    const target = processOf(context, request);
    const letters = await target.deadLetters();
    return { name: target.name, dead_letters: letters.map(deadLetterDocument), count: letters.length };
  });

  app.post('/processes/:name/dead-letters/redeliver', async (request) => {
    const target = processOf(context, request);
    const { eventId } = bodyOf(RedeliverRequest, request);
    return { name: target.name, redelivered: await target.redeliver(eventId) };
  });

  app.delete('/processes/:name/dead-letters', async (request) => {
    const target = processOf(context, request);
    return { name: target.name, cleared: await target.clearDeadLetters() };
  });
};

function deadLetterDocument({ event, reason, error, attempts, deadLetteredAt }: ServedDeadLetter) {
  return {
    event_id: event.eventId,
    reason,
    ...(error === undefined ? {} : { error }),
    attempts,
    dead_lettered_at: new Date(deadLetteredAt).toISOString(),
    event: triggerEventToDocument(event),
  };
}
