import { JournalFailedError, type Journal, type JournalEntry, type PendingWrite } from '@cortex-runtime/journal';

/** The same journal, telling `listener` of every entry once it is durable, and `onFailed` when the journal can take no more. */
export function observeJournal(journal: Journal, listener: (entry: JournalEntry) => void, onFailed: (error: JournalFailedError) => void = () => undefined): Journal {
  const tell = (entries: readonly JournalEntry[]) => {
    for (const entry of entries) listener(entry);
  };
  const write = (...given: Parameters<Journal['write']>): PendingWrite => {
    const pending = journal.write(...given);
    // The caller is told of a failed write too; whoever owns the host has to know that no write will succeed any more.
    pending.durable.then(
      () => tell(pending.entries),
      (error: unknown) => {
        if (error instanceof JournalFailedError) onFailed(error);
      },
    );
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
