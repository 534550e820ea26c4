import type { Disk } from '@cortex-runtime/core';

/** Makes a directory whose name survives a loss of power: a file is only as durable as the names that lead to it. */
export async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  if ((await disk.stat(path)) !== undefined) return;
  await disk.makeDirectory(path);
  await disk.syncDirectory(`${path}/..`);
}
