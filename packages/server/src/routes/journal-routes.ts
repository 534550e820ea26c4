import { parseDocument } from '@cortex-runtime/core';
import { JournalRequest } from '@cortex-runtime/orchestration-client/contract';

import type { ServedJournalEntry } from '../served-runtime.ts';
import { processOf, type RouteGroup } from './route-context.ts';

/** The route that reads an agent's journal. */
export const journalRoutes: RouteGroup = (app, context) => {
  app.get('/processes/:name/journal', async (request) => {
    const target = processOf(context, request);
    const { limit, type, sinceSeq, direction } = parseDocument(JournalRequest, { ...(request.query as object) }, 'the query');
    const types = type?.split(',').map((each) => each.trim()).filter((each) => each !== '');
    const entries = await target.readJournal({
      limit,
      direction,
      ...(types === undefined || types.length === 0 ? {} : { entryType: types }),
      ...(sinceSeq === undefined ? {} : { sinceSeq }),
    });
    return { name: target.name, entries: entries.map(entryDocument), count: entries.length };
  });
};

function entryDocument(entry: ServedJournalEntry) {
  return {
    seq: entry.seq,
    id: entry.id,
    process_id: entry.processId,
    timestamp: entry.timestamp,
    entry_type: entry.entryType,
    ...(entry.runId === undefined ? {} : { run_id: entry.runId }),
    ...(entry.cause === undefined ? {} : { cause: entry.cause }),
    data: entry.data,
    hash: entry.hash,
  };
}
