import type { Disk, DiskFile } from '@cortex-runtime/core';
import { nodeDisk } from '@cortex-runtime/core/node';

/** The real disk with some calls replaced: for counting them and for making them fail. */
export function wrapDisk(change: (file: DiskFile, path: string) => Partial<DiskFile>): Disk {
  return {
    ...nodeDisk,
    async open(path, mode, options) {
      const file = await nodeDisk.open(path, mode, options);
      return { ...file, ...change(file, path) };
    },
  };
}
