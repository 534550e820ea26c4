import { stat } from 'node:fs/promises';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { NoAgentsError } from './errors.ts';

/** A place that agents are loaded from. */
export interface ManifestPlace {
  kind: 'file' | 'directory';
  /** Absolute. */
  path: string;
}

/**
 * What `cortex start` was asked to start: each path is a manifest or a directory of them. Without a path: `agents/`, else the manifests of the working directory.
 *
 * @throws NoAgentsError when a path does not exist, or when there is nothing to start
 */
export async function collectManifests(paths: readonly string[], workingDirectory: string): Promise<ManifestPlace[]> {
  if (paths.length === 0) {
    for (const candidate of [join(workingDirectory, 'agents'), workingDirectory]) {
      if ((await manifestsIn(candidate)).length > 0) return [{ kind: 'directory', path: candidate }];
    }
    throw new NoAgentsError(`there are no agents here: neither ${join(workingDirectory, 'agents')} nor ${workingDirectory} holds a *.agent file. Make one with "cortex init", or name a file or directory: cortex start DIR`);
  }
  return Promise.all(paths.map(async (path): Promise<ManifestPlace> => {
    const full = resolve(workingDirectory, path);
    const found = await stat(full).catch(() => undefined);
    if (found === undefined) throw new NoAgentsError(`there is nothing at ${path}; name a .agent file or a directory that holds some`);
    if (!found.isDirectory()) return { kind: 'file', path: full };
    if ((await manifestsIn(full)).length === 0) throw new NoAgentsError(`the directory ${path} holds no *.agent file; make one with: cortex init NAME --output ${join(path, 'NAME.agent')}`);
    return { kind: 'directory', path: full };
  }));
}

async function manifestsIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.endsWith('.agent')).sort();
}
