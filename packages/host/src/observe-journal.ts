import type { Journal, JournalEntry, PendingWrite } from '@cortex-runtime/journal';

/** The same journal, telling `listener` of every entry once it is durable. For showing what happens: nothing may depend on it. */
export function observeJournal(journal: Journal, listener: (entry: JournalEntry) => void): Journal {
  const tell = (entries: readonly JournalEntry[]) => {
    for (const entry of entries) listener(entry);
  };
  const write = (...given: Parameters<Journal['write']>): PendingWrite => {
    const pending = journal.write(...given);
    // A failed write is told to its caller; here there is nothing to add.
    pending.durable.then(() => tell(pending.entries), () => undefined);
    return pending;
  };
  return {
    heads: () => journal.heads(),
    head: (processId) => journal.head(processId),
    write,
    async append(entry) {
      const written = await journal.append(entry);
      tell([written]);
      return written;
    },
    read: (...given) => journal.read(...given),
    scan: (...given) => journal.scan(...given),
    checkpoint: (...given) => journal.checkpoint(...given),
    lastCheckpoint: (...given) => journal.lastCheckpoint(...given),
    close: () => journal.close(),
  };
}
