import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ManifestCache } from '@cortex-runtime/manifest';

/** Below this many manifests reading them is faster than keeping a file about them. */
const worthKeeping = 200;

/** What manifests said when they were last read, kept so that a fleet of thousands starts again without reading its YAML anew. */
export interface ManifestCacheFile {
  cache: ManifestCache;
  /** Keeps what was asked for since it was opened. Throws when it can not be written; nothing but speed is lost then. */
  save(): void;
}

/** A missing or damaged file is an empty one. */
export function openManifestCache(dataDirectory: string): ManifestCacheFile {
  const path = join(dataDirectory, 'manifests.json');
  const known = readEntries(path);
  const used = new Map<string, string>();
  let isChanged = false;
  return {
    cache: {
      get(digest) {
        const json = known.get(digest);
        if (json !== undefined) used.set(digest, json);
        return json;
      },
      set(digest, json) {
        used.set(digest, json);
        isChanged = true;
      },
    },
    save() {
      if (used.size < worthKeeping || (!isChanged && used.size === known.size)) return;
      const temporary = `${path}.new`;
      // As private as the manifests: what is written in them stands here too.
      writeFileSync(temporary, JSON.stringify(Object.fromEntries(used)), { mode: 0o600 });
      renameSync(temporary, path);
    },
  };
}

function readEntries(path: string): Map<string, string> {
  try {
    const read = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    return new Map(Object.entries(read).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch {
    return new Map();
  }
}
