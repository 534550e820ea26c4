import type { Clock } from '@cortex-runtime/core';

import type { ServedMesh } from '../served-mesh.ts';
import type { RouteGroup } from './route-context.ts';

/** Milliseconds that the mesh has to answer: whoever asks whether the host is up wants to know it soon. */
const meshAnswerMs = 1_000;

/** The route that says that the host is up, to anybody: of the mesh only whether it answers. A host whose mesh is down is healthy all the same: a restart would not mend it. */
export const healthRoutes: RouteGroup = (app, { deps, settings }) => {
  const { runtime, mesh, clock } = deps;
  let asked: Promise<boolean> | undefined;
  // However many ask, and nobody needs a token for it, the mesh is asked once at a time.
  const isMeshOk = (asking: ServedMesh) => (asked ??= answersInTime(asking, clock).finally(() => (asked = undefined)));

  app.get('/health', async () => ({
    status: 'healthy',
    process_count: runtime.listProcesses().length,
    durability: settings.durability,
    ...(mesh === undefined ? {} : { mesh: { ok: await isMeshOk(mesh) } }),
  }));
};

function answersInTime(mesh: ServedMesh, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(meshAnswerMs, () => resolve(false), { keepAlive: false });
    const settle = (ok: boolean) => {
      timer.cancel();
      resolve(ok);
    };
    mesh.health().then(({ ok }) => settle(ok), () => settle(false));
  });
}
