import { describeError } from '@cortex-runtime/core';

import { ManifestError, ManifestValidationError } from './errors.ts';
import { loadLocated, type ManifestDependencies } from './load-manifest.ts';
import type { LoadedManifest } from './parse-manifest.ts';

export interface DirectoryResult {
  /** The good ones, sorted by file name. */
  manifests: LoadedManifest[];
  /** The bad ones, sorted by file name; they do not stop the others. */
  errors: { file: string; error: ManifestError }[];
}

/** Files that are read at the same time. */
const concurrency = 16;

/**
 * Reads every `*.agent` file of a directory (not below it; hidden files are left alone). Of two manifests with one name the first counts.
 *
 * @throws ManifestError when the directory itself can not be read
 */
export async function loadDirectory(directory: string, deps: ManifestDependencies): Promise<DirectoryResult> {
  const files = (await list(directory, deps)).map((name) => joinPath(directory, name));
  const outcomes = new Array<LoadedManifest | ManifestError | undefined>(files.length);
  let next = 0;
  const work = async () => {
    for (let index = next; index < files.length; index = next) {
      next += 1;
      outcomes[index] = await loadOne(files[index] ?? '', deps);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));

  const result: DirectoryResult = { manifests: [], errors: [] };
  const fileByName = new Map<string, string>();
  for (const [index, outcome] of outcomes.entries()) {
    const file = files[index] ?? '';
    if (outcome instanceof ManifestError) result.errors.push({ file, error: outcome });
    else if (outcome !== undefined) {
      const { name } = outcome.manifest;
      const first = fileByName.get(name);
      if (first === undefined) {
        fileByName.set(name, file);
        result.manifests.push(outcome);
      } else {
        const message = `${JSON.stringify(name)} is already the name of ${first}; give one of the two another name`;
        result.errors.push({ file, error: new ManifestValidationError([{ path: 'name', message, ...(await placeOfName(file, deps)) }], file) });
      }
    }
  }
  return result;
}

async function list(directory: string, { disk }: ManifestDependencies): Promise<string[]> {
  try {
    const names = await disk.list(directory);
    return names.filter((name) => name.endsWith('.agent') && !name.startsWith('.')).sort();
  } catch (error) {
    throw new ManifestError(directory, `the directory can not be read: ${describeError(error)}`, {}, { cause: error });
  }
}

async function loadOne(file: string, deps: ManifestDependencies): Promise<LoadedManifest | ManifestError> {
  try {
    // The YAML tree behind `locate` is let go at once: ten thousand of them are a lot of memory.
    const { filePath, manifest, config } = await loadLocated(file, deps);
    return { filePath, manifest, config };
  } catch (error) {
    if (error instanceof ManifestError) return error;
    throw error;
  }
}

/** Where the name stands; found by reading the file once more, as it is needed only for the second of two with one name. */
async function placeOfName(file: string, deps: ManifestDependencies): Promise<{ line?: number; column?: number }> {
  try {
    return (await loadLocated(file, deps)).locate(['name']);
  } catch (error) {
    if (error instanceof ManifestError) return {}; // it has changed meanwhile
    throw error;
  }
}

/** As `path.join` for one name, keeping the directory as it was given, so that messages show what the user wrote. */
function joinPath(directory: string, name: string): string {
  return directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`;
}
