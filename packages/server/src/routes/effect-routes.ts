import { assertJsonValue } from '@cortex-runtime/core';
import { ResolveRequest } from '@cortex-runtime/orchestration-client/contract';

import { bodyOf, processOf, type RouteGroup } from './route-context.ts';

/** Routes where a person settles effects whose outcome is unknown. */
export const effectRoutes: RouteGroup = (app, context) => {
  app.get('/processes/:name/effects', async (request) => {
    const target = processOf(context, request);
    const effects = await target.waitingEffects();
    return { name: target.name, effects, count: effects.length };
  });

  app.post('/processes/:name/effects/:effectId/resolve', async (request) => {
    const target = processOf(context, request);
    const { effectId } = request.params as { effectId: string };
    const { resolution, result, by } = bodyOf(ResolveRequest, request);
    if (result !== undefined) assertJsonValue(result, 'result');
    await target.resolveEffect(effectId, resolution, { ...(result === undefined ? {} : { result }), by: by ?? 'operator' });
    return { name: target.name, effect_id: effectId, resolution };
  });
};
