import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { idGenerator, type Disk } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { onTestFinished } from 'vitest';

import { FileJournal, soleOwnerLock, type FileJournalDeps, type FileJournalOptions, type NewJournalEntry } from '../src/index.ts';

export const createId = idGenerator({ clock: systemClock, random: systemRandom });

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cortex-journal-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

export function openFileJournal(directory: string, options: Partial<FileJournalOptions> = {}, deps: Partial<FileJournalDeps> & { disk?: Disk } = {}): Promise<FileJournal> {
  return FileJournal.open({ disk: nodeDisk, clock: systemClock, createId, lock: soleOwnerLock(), ...deps }, { directory, ...options });
}

export function note(processId: string, data: NewJournalEntry['data'] = {}): NewJournalEntry {
  return { processId, entryType: 'note', data };
}
