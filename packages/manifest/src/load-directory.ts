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
  const outcomes = new Array<Loaded | ManifestError | undefined>(files.length);
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
      const { loaded, placeOfName } = outcome;
      const { name } = loaded.manifest;
      const first = fileByName.get(name);
      if (first === undefined) {
        fileByName.set(name, file);
        result.manifests.push(loaded);
      } else {
        const message = `${JSON.stringify(name)} is already the name of ${first}; give one of the two another name`;
        result.errors.push({ file, error: new ManifestValidationError([{ path: 'name', message, ...placeOfName }], file) });
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

/** What is kept of a file: its YAML tree is let go at once, as ten thousand of them are a lot of memory. */
interface Loaded {
  loaded: LoadedManifest;
  placeOfName: { line: number; column: number };
}

async function loadOne(file: string, deps: ManifestDependencies): Promise<Loaded | ManifestError> {
  try {
    const { filePath, manifest, config, locate } = await loadLocated(file, deps);
    return { loaded: { filePath, manifest, config }, placeOfName: locate(['name']) };
  } catch (error) {
    if (error instanceof ManifestError) return error;
    throw error;
  }
}

/** As `path.join` for one name, keeping the directory as it was given, so that messages show what the user wrote. */
function joinPath(directory: string, name: string): string {
  return directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`;
}
