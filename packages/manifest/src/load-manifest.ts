import type { Disk, Environment } from '@cortex-runtime/core';

import type { AgentManifest } from './agent-manifest.ts';
import { parseManifest, type LocatedManifest } from './parse-manifest.ts';
import { readManifestFile } from './read-manifest-file.ts';

export interface ManifestDependencies {
  disk: Disk;
  /** Where references in the place of a number and the like are looked up. References in texts stay as they are. */
  environment?: Environment;
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

export async function loadLocated(filePath: string, { disk, environment }: ManifestDependencies): Promise<LocatedManifest> {
  return parseManifest(await readManifestFile(disk, filePath), filePath, environment === undefined ? {} : { environment });
}
