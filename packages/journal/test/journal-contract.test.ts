import { idGenerator } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';

import { InMemoryJournal } from '../src/index.ts';
import { describeJournalContract } from '../src/testing/index.ts';
import { openFileJournal, temporaryDirectory } from './journal-directory.ts';

describeJournalContract('InMemoryJournal', async (deps) => new InMemoryJournal({ clock: systemClock, createId: idGenerator({ clock: systemClock, random: systemRandom }), ...deps }));
describeJournalContract('FileJournal', async (deps) => openFileJournal(await temporaryDirectory(), {}, deps));
describeJournalContract('FileJournal with small segments', async (deps) => openFileJournal(await temporaryDirectory(), { segmentBytes: 1024 }, deps));
