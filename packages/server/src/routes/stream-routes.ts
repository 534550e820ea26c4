import type { Timer } from '@cortex-runtime/core';

import { SseWriter } from '../stream/sse-writer.ts';
import type { NumberedUpdate } from '../stream/stream-hub.ts';
import { processOf, type RouteGroup } from './route-context.ts';

/** The route that shows the runs of an agent while they happen, as server-sent events. */
export const streamRoutes: RouteGroup = (app, context) => {
  const { hub, settings, deps } = context;
  const endings = new Set<() => void>();

  app.get('/processes/:name/stream', (request, reply) => {
    const target = processOf(context, request);
    const lastEventId = request.headers['last-event-id'];
    reply.hijack();
    const writer = new SseWriter(reply.raw, { maxBufferedBytes: settings.maxStreamBufferBytes });
    const send = ({ id, update }: NumberedUpdate) =>
      writer.send('chunk', { process: update.processName, run_id: update.runId, event_id: update.eventId, ...update.chunk }, id);
    const subscription = hub.subscribe(target, typeof lastEventId === 'string' ? lastEventId : undefined, send);
    if (subscription.hasGap) writer.send('gap', { message: 'updates since Last-Event-ID are no longer kept; the journal has what was recorded' });
    subscription.missed.forEach(send);

    let beat: Timer;
    const armBeat = () => {
      beat = deps.clock.setTimer(settings.streamBeatMs, () => {
        writer.beat();
        armBeat();
      }, { keepAlive: false });
    };
    armBeat();
    const end = () => {
      beat.cancel();
      subscription.end();
      endings.delete(end);
      writer.end();
    };
    endings.add(end);
    reply.raw.once('close', end);
  });

  // A stream has no end of its own: without this, closing the server would wait for every reader.
  app.addHook('preClose', (done) => {
    for (const end of endings) end();
    hub.close();
    done();
  });
};
