import { describe, expect, it } from 'vitest';

import { ManifestError } from './errors.ts';
import { parseManifest } from './parse-manifest.ts';
import { manifestTemplate, manifestTemplates } from './templates/manifest-template.ts';

/** A cache that counts. */
function countingCache() {
  const entries = new Map<string, string>();
  const counts = { hits: 0, writes: 0 };
  const get = (digest: string) => {
    const found = entries.get(digest);
    if (found !== undefined) counts.hits += 1;
    return found;
  };
  const set = (digest: string, json: string) => {
    counts.writes += 1;
    entries.set(digest, json);
  };
  return { entries, counts, cache: { get, set } };
}

const messageOf = (text: string, options: Parameters<typeof parseManifest>[2]) => {
  try {
    parseManifest(text, 'x.agent', options);
  } catch (error) {
    if (error instanceof ManifestError) return error.message;
    throw error;
  }
  return 'accepted';
};

describe('a cache of manifests', () => {
  it('gives the same manifest, configuration and places as reading does', () => {
    const { cache, counts } = countingCache();
    for (const template of manifestTemplates) {
      const text = manifestTemplate(template, { name: 'x' });
      const read = parseManifest(text, 'x.agent');
      for (let time = 0; time < 2; time += 1) {
        const { manifest, config, locate } = parseManifest(text, 'x.agent', { cache });
        expect({ manifest, config }).toEqual({ manifest: read.manifest, config: read.config });
        expect(locate(['journal', 'level'])).toEqual(read.locate(['journal', 'level']));
      }
    }
    expect(counts).toEqual({ hits: manifestTemplates.length, writes: manifestTemplates.length });
  });

  it('depends on the text only: environment and checks are applied each time', () => {
    const { cache } = countingCache();
    const text = 'name: x\nconfig:\n  concurrency: ${N}';
    expect(messageOf(text, { cache })).toBe(messageOf(text, {}));
    expect(parseManifest(text, 'x', { cache, environment: { N: '3' } }).config.concurrency).toBe(3);
    expect(parseManifest(text, 'x', { cache, environment: { N: '4' } }).config.concurrency).toBe(4);
    expect(messageOf('name: x\nmodle: y', { cache })).toBe(messageOf('name: x\nmodle: y', { cache }));
  });

  it('does not hand out the same object twice', () => {
    const { cache } = countingCache();
    const load = () => parseManifest('name: x\nworld: {list: []}', 'x', { cache }).config.context.initialState;
    load();
    (load()['list'] as unknown[]).push('changed');
    expect(load()).toEqual({ list: [] });
  });

  it('reads the text when an entry is damaged, and keeps nothing of a text that can not be read', () => {
    const { cache, entries } = countingCache();
    parseManifest('name: x', 'x', { cache });
    for (const digest of entries.keys()) entries.set(digest, '{"name":');
    expect(parseManifest('name: x', 'x', { cache }).manifest.name).toBe('x');
    expect(messageOf('name: [', { cache })).toContain('x.agent:1:');
    expect(entries.size).toBe(1);
  });

  it('can be a Map', () => {
    const cache = new Map<string, string>();
    parseManifest('name: x', 'x', { cache });
    expect([...cache.values()]).toEqual(['{"name":"x"}']);
  });
});
