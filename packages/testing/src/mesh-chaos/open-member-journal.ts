import { idGenerator, silentLogger } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { FileJournal, openDataDirectoryLock } from '@cortex-runtime/journal';
import { systemProcessTable } from '@cortex-runtime/journal/node';

/** The journal of a process that is killed and started again in the same place. */
export async function openMemberJournal(directory: string): Promise<FileJournal> {
  const [clock, random] = [systemClock, systemRandom];
  const deps = { disk: nodeDisk, clock, random, createId: idGenerator({ clock, random }), logger: silentLogger, processes: systemProcessTable({ disk: nodeDisk }) };
  const lock = await openDataDirectoryLock(deps, directory);
  return FileJournal.open({ ...deps, lock }, { directory });
}
