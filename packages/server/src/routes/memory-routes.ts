import { AcceptProposalRequest, RejectProposalRequest } from '@cortex-runtime/orchestration-client/contract';

import { bodyOf, type RouteGroup } from './route-context.ts';

/** Routes where people decide what agents may remember, and read what they do. */
export const memoryRoutes: RouteGroup = (app, { deps: { memory } }) => {
  if (memory === undefined) return;

  app.get('/memory/proposals', async () => {
    const proposals = await memory.proposals();
    return { proposals, count: proposals.length };
  });

  app.post('/memory/proposals/:proposalId/accept', async (request) => {
    const { proposalId } = request.params as { proposalId: string };
    const { by } = bodyOf(AcceptProposalRequest, request);
    return memory.accept(proposalId, { by: by ?? 'operator' });
  });

  app.post('/memory/proposals/:proposalId/reject', async (request) => {
    const { proposalId } = request.params as { proposalId: string };
    const { by, reason } = bodyOf(RejectProposalRequest, request);
    return memory.reject(proposalId, { by: by ?? 'operator', ...(reason === undefined ? {} : { reason }) });
  });

  app.get('/memory/:category', async (request) => {
    const { category } = request.params as { category: string };
    const entries = await memory.list(category);
    return { category, entries, count: entries.length };
  });

  app.get('/memory/:category/:name', async (request) => {
    const { category, name } = request.params as { category: string; name: string };
    return memory.read(category, name);
  });
};
