import { hash as hashOnce } from 'node:crypto';

import type { Disk, JsonObject } from '@cortex-runtime/core';

/** Writes a JSON document with its own checksum so that a crash leaves the old one or the new one, never a part. */
export async function writeSealed(disk: Disk, directory: string, name: string, document: object): Promise<void> {
  const body = JSON.stringify(document).slice(0, -1);
  const temporary = `${directory}/.${name}.tmp`;
  const file = await disk.open(temporary, 'write');
  try {
    await file.write(Buffer.from(`${body},"hash":"${hashOnce('sha256', body, 'hex')}"}\n`), 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, `${directory}/${name}`);
  await disk.syncDirectory(directory);
}

/** The document, `absent`, or `damaged` when it is not what was written. */
export async function readSealed<T extends object = JsonObject>(disk: Disk, directory: string, name: string): Promise<T | 'absent' | 'damaged'> {
  const path = `${directory}/${name}`;
  if ((await disk.stat(path)) === undefined) return 'absent';
  const text = Buffer.from(await disk.readFile(path)).toString('utf8');
  const found = /^,"hash":"([0-9a-f]{64})"\}\n$/.exec(text.slice(-76));
  const body = text.slice(0, -76);
  if (found === null || hashOnce('sha256', body, 'hex') !== found[1]) return 'damaged';
  return JSON.parse(`${body}}`) as T;
}
