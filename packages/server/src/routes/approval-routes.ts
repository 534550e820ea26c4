import { parseDocument } from '@cortex-runtime/core';
import { ApprovalsRequest, DecisionRequest, RunActionRequest } from '@cortex-runtime/orchestration-client/contract';

import { HttpError } from '../errors.ts';
import type { ServedApproval, ServedPlugins } from '../served-plugins.ts';
import { bodyOf, type RouteContext, type RouteGroup } from './route-context.ts';

/** Routes where a person answers what agents may not do by themselves, does what is for operators, and sees which plugins there are. */
export const approvalRoutes: RouteGroup = (app, context) => {
  app.get('/approvals', async (request) => {
    const { status } = parseDocument(ApprovalsRequest, { ...(request.query as object) }, 'the query');
    const approvals = await pluginsOf(context).approvals(status);
    return { approvals: approvals.map(approvalDocument), count: approvals.length };
  });

  app.get('/approvals/:id', async (request) => approvalDocument(await pluginsOf(context).approval((request.params as { id: string }).id)));

  for (const verb of ['approve', 'deny'] as const) {
    app.post(`/approvals/:id/${verb}`, async (request) => {
      const { reason, by } = bodyOf(DecisionRequest, request);
      return approvalDocument(await pluginsOf(context)[verb]((request.params as { id: string }).id, { by: by ?? 'operator', ...(reason === undefined ? {} : { reason }) }));
    });
  }

  app.post('/plugins/:plugin/actions/:action', async (request) => {
    const { params, by, idempotencyKey } = bodyOf(RunActionRequest, request);
    const { plugin, action } = request.params as { plugin: string; action: string };
    const { success, data, error } = await pluginsOf(context).run(plugin, action, { params, by: by ?? 'operator', ...(idempotencyKey === undefined ? {} : { idempotencyKey }) });
    return { success, ...(data === undefined ? {} : { data }), ...(error === undefined ? {} : { error }) };
  });

  app.get('/plugins', async () => {
    const plugins = await pluginsOf(context).list();
    return { plugins, count: plugins.length };
  });
};

function pluginsOf({ deps }: RouteContext): ServedPlugins {
  if (deps.plugins === undefined) throw new HttpError(404, 'NO_PLUGINS', 'this host has no plugins');
  return deps.plugins;
}

function approvalDocument(approval: ServedApproval) {
  const { id, status, plugin, action, description, params, decidedBy, decidedAt, reason } = approval;
  return {
    id, status, plugin, action, description, params,
    requested_by: approval.requestedBy,
    requested_at: new Date(approval.requestedAt).toISOString(),
    expires_at: new Date(approval.expiresAt).toISOString(),
    ...(decidedBy === undefined ? {} : { decided_by: decidedBy }),
    ...(decidedAt === undefined ? {} : { decided_at: new Date(decidedAt).toISOString() }),
    ...(reason === undefined ? {} : { reason }),
  };
}
