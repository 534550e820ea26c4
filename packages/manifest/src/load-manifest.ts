import type { Disk } from '@cortex-runtime/core';

import type { AgentManifest } from './agent-manifest.ts';
import { parseManifest, type LocatedManifest, type ParseManifestOptions } from './parse-manifest.ts';
import { readManifestFile } from './read-manifest-file.ts';

/** The file system, and what reading a manifest may need besides. */
export interface ManifestDependencies extends ParseManifestOptions {
  disk: Disk;
}

/**
 * Reads an `.agent` file and checks all of it.
 *
 * @throws ManifestError when it can not be read or is no YAML map
 * @throws ManifestValidationError with every error and its line and column
 */
export async function loadManifest(filePath: string, deps: ManifestDependencies): Promise<AgentManifest> {
  return (await loadLocated(filePath, deps)).manifest;
}

export async function loadLocated(filePath: string, deps: ManifestDependencies): Promise<LocatedManifest> {
  return parseManifest(await readManifestFile(deps.disk, filePath), filePath, deps);
}
