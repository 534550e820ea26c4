import { resolve } from 'node:path';

import type { Clock, Disk, IdGenerator, Logger, Random } from '@cortex-runtime/core';
import { FileJournal, InMemoryJournal, openDataDirectoryLock, type DataDirectoryLock, type Journal, type JournalConfig, type JournalEntry } from '@cortex-runtime/journal';
import { systemProcessTable } from '@cortex-runtime/journal/node';

import { observeJournal } from './observe-journal.ts';

/** Entries of each agent without a journal that stay in memory: more than lie between two checkpoints. */
const keptInMemory = 2_000;

export interface JournalsDeps {
  disk: Disk;
  clock: Clock;
  random: Random;
  createId: IdGenerator;
  logger: Logger;
  /** Told of every durable entry. */
  onEntry: (entry: JournalEntry) => void;
}

/** The journals of a host: one in its data directory, shared by its agents, and those that manifests ask for besides. */
export interface Journals {
  shared: Journal;
  /** Aborted, with the error, when another host has taken the data directory, or when a write to its journal has failed: nothing can be acknowledged any more. */
  lost: AbortSignal;
  open(config: JournalConfig, baseDirectory: string): Promise<Journal>;
  close(): Promise<void>;
}

/**
 * Takes the data directory and opens its journal.
 *
 * @throws DataDirectoryInUseError when another host has it
 * @throws JournalCorruptError when the journal is damaged, with file, offset and the command that repairs it
 */
export async function openJournals(deps: JournalsDeps, dataDirectory: string): Promise<Journals> {
  const locks: DataDirectoryLock[] = [];
  const opened = new Map<string, Promise<Journal>>();

  const broken = new AbortController();
  const openDirectory = async (directory: string): Promise<Journal> => {
    const lock = await openDataDirectoryLock({ ...deps, processes: systemProcessTable({ disk: deps.disk }) }, directory);
    try {
      const journal = await FileJournal.open({ disk: deps.disk, clock: deps.clock, createId: deps.createId, logger: deps.logger, lock }, { directory });
      locks.push(lock);
      return observeJournal(journal, deps.onEntry, directory === dataDirectory ? (error) => broken.abort(error) : undefined);
    } catch (error) {
      await lock.release();
      throw error;
    }
  };
  const openOnce = (key: string, open: () => Promise<Journal>): Promise<Journal> => {
    let journal = opened.get(key);
    if (journal === undefined) {
      journal = open();
      journal.catch(() => opened.delete(key));
      opened.set(key, journal);
    }
    return journal;
  };

  const shared = await openOnce(dataDirectory, () => openDirectory(dataDirectory));
  const [lock] = locks;
  if (lock === undefined) throw new Error('the data directory was opened without its lock');
  return {
    shared,
    lost: AbortSignal.any([lock.lost, broken.signal]),
    open(config, baseDirectory) {
      if (config.level === 'none' || config.backend === 'memory') {
        return openOnce('memory:', () => Promise.resolve(observeJournal(new InMemoryJournal({ clock: deps.clock, createId: deps.createId }, { keepEntries: keptInMemory }), deps.onEntry)));
      }
      if (config.path === undefined) return Promise.resolve(shared);
      const directory = resolve(baseDirectory, config.path);
      return directory === dataDirectory ? Promise.resolve(shared) : openOnce(directory, () => openDirectory(directory));
    },
    async close() {
      for (const journal of opened.values()) await (await journal).close();
      for (const held of locks) await held.release();
    },
  };
}
