import { describeError, type Disk } from '@cortex-runtime/core';

import { ManifestError } from './errors.ts';
import { manifestLimits } from './yaml/limits.ts';

/**
 * The text of a manifest file. Never reads more than the limit, and never opens what is no regular file.
 *
 * @throws ManifestError when there is none, it is too large or is not UTF-8
 */
export async function readManifestFile(disk: Disk, filePath: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    const found = await disk.stat(filePath);
    if (found === undefined) throw new ManifestError(filePath, 'there is no such file');
    if (found.kind !== 'file') throw new ManifestError(filePath, `is a ${found.kind === 'directory' ? 'directory' : 'device or pipe'}, not a file`);
    if (found.size > manifestLimits.maxBytes) {
      throw new ManifestError(filePath, `has ${found.size} bytes, a manifest at most ${manifestLimits.maxBytes}; keep data out of the manifest`);
    }
    const file = await disk.open(filePath, 'read');
    try {
      bytes = await file.read(0, found.size);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof ManifestError) throw error;
    throw new ManifestError(filePath, `can not be read: ${describeError(error)}`, {}, { cause: error });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ManifestError(filePath, 'is not UTF-8 text', {}, { cause: error });
  }
}
