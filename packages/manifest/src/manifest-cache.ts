import { createHash } from 'node:crypto';

import type { YamlText } from './yaml/read-yaml.ts';

/**
 * What YAML texts say, by a digest of the text; a `Map` is one. Reading YAML is most of the time that a manifest takes, so a host with thousands of them
 * keeps this in its data directory. Nothing in it depends on the environment or on the schema: those are applied anew each time.
 *
 * Only what this package wrote should come out of it; keep it as private as the manifests.
 */
export interface ManifestCache {
  get(digest: string): string | undefined;
  set(digest: string, json: string): unknown;
}

/** As `read`, which is called only for a text that the cache does not know, or once somebody asks for a place in it. */
export function readThroughCache(text: string, cache: ManifestCache, read: (text: string) => YamlText): Pick<YamlText, 'value' | 'locate'> {
  const digest = createHash('sha256').update(formatVersion).update(text).digest('hex');
  const value = parseJson(cache.get(digest));
  if (value === undefined) {
    const yaml = read(text);
    cache.set(digest, JSON.stringify(yaml.value));
    return yaml;
  }
  let yaml: YamlText | undefined;
  return { value, locate: (segments, atKey) => (yaml ??= read(text)).locate(segments, atKey) };
}

/** Raised when the same text would be read as something else. */
const formatVersion = '1:';

function parseJson(json: string | undefined): unknown {
  if (json === undefined) return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // a damaged entry is one that is not there
  }
}
