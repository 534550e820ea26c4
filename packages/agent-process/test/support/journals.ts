import { idGenerator, type Clock, type Disk } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { FileJournal, InMemoryJournal, soleOwnerLock } from '@cortex-runtime/journal';

const createId = idGenerator({ clock: systemClock, random: systemRandom });

export function memoryJournal(clock: Clock = systemClock): InMemoryJournal {
  return new InMemoryJournal({ clock, createId });
}

/** A journal in a directory, opened as the one owner of it. Opening it again without closing it is what a crash leaves. */
export function fileJournal(directory: string, options: { disk?: Disk; clock?: Clock } = {}): Promise<FileJournal> {
  return FileJournal.open({ disk: options.disk ?? nodeDisk, clock: options.clock ?? systemClock, createId, lock: soleOwnerLock() }, { directory });
}
