import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Disk } from '@cortex-runtime/core';
import { nodeDisk } from '@cortex-runtime/core/node';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';

import type { AgentManifest } from './agent-manifest.ts';
import { ManifestError, ManifestValidationError } from './errors.ts';
import { loadManifest } from './load-manifest.ts';
import { parseManifest } from './parse-manifest.ts';
import { manifestText, saveManifest } from './save-manifest.ts';
import { manifestTemplate } from './templates/manifest-template.ts';

const commented = `# The shop's agent.
version: "1.0"
name: shop   # never rename: it is the key of the journal
model: a:b

# Wakes:
triggers:
  # every five minutes
  - type: cron
    cron_expression: "*/5 * * * *"  # quick
  # orders
  - type: webhook
    webhook_path: '/orders'
    hmac_secret: \${SECRET}
config:
  idle_timeout: 5m         # sleeps early
  concurrency: \${N:-2}
`;

describe('saveManifest', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cortex-manifest-'));
    return () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const deps = { disk: nodeDisk };
  const path = () => join(folder, 'shop.agent');
  const text = () => readFile(path(), 'utf8');

  it('writes a manifest that loads as the same', async () => {
    const manifest: AgentManifest = { version: '1.0', name: 'x', instructions: 'Line one.\nLine two: with "quotes" # and no comment\n', world: { someKey: { deep: [1, null, 'on'] } }, config: { idleTimeoutMs: 90_000 } };
    await saveManifest(manifest, path(), deps);
    expect(await text()).toBe('version: "1.0"\nname: x\ninstructions: |\n  Line one.\n  Line two: with "quotes" # and no comment\nworld:\n  someKey:\n    deep:\n      - 1\n      - null\n      - on\nconfig:\n  idle_timeout: 90\n');
    expect(await loadManifest(path(), deps)).toEqual(manifest);
  });

  it.each([' \n', '\n \n', '\n', ' ', 'a\n \n'])('keeps the text %j', async (instructions) => {
    await saveManifest({ name: 'x', instructions }, path(), deps);
    expect(await loadManifest(path(), deps)).toEqual({ name: 'x', instructions });
  });

  it('leaves a file as it is when nothing changes', async () => {
    await writeFile(path(), commented);
    await saveManifest(await loadManifest(path(), deps), path(), deps);
    expect(await text()).toBe(commented);
  });

  it('changes only the lines of what changes: comments, order, durations and references stay', async () => {
    await writeFile(path(), commented);
    const manifest = await loadManifest(path(), deps);
    await saveManifest({ ...manifest, model: 'c:d' }, path(), deps);
    const changed = (await text()).split('\n').map((line) => line.replace(/ +#/, ' #'));
    const before = commented.split('\n').map((line) => line.replace(/ +#/, ' #'));
    expect(changed.filter((line, index) => line !== before[index])).toEqual(['model: c:d']);
  });

  it('adds, removes and replaces, also in lists, and keeps the comments of the neighbours', async () => {
    await writeFile(path(), commented);
    const manifest = await loadManifest(path(), deps);
    const [cron, webhook] = manifest.triggers ?? [];
    if (cron === undefined || webhook === undefined) throw new Error('the fixture has two triggers');
    const next: AgentManifest = { ...manifest, triggers: [cron, { type: 'file_watch', watchPath: './in' }, webhook], config: { ...manifest.config, idleTimeoutMs: 0, maxTurns: 9 }, budget: { enabled: true } };
    delete next.model;
    await saveManifest(next, path(), deps);
    const saved = await text();
    for (const kept of ["# The shop's agent.", '# never rename: it is the key of the journal', '# Wakes:', '# every five minutes', '# quick', '# orders', '# sleeps early', "webhook_path: '/orders'", '${SECRET}', 'concurrency: ${N:-2}']) expect(saved).toContain(kept);
    expect(saved.indexOf('# orders')).toBeGreaterThan(saved.indexOf('watch_path: ./in'));
    expect(saved).not.toContain('model:');
    expect(await loadManifest(path(), deps)).toEqual(next);
  });

  it('gives up comments rather than change what stands behind an alias', async () => {
    await writeFile(path(), 'name: x\nservers:\n  a: &s {command: node}\n  b: *s # same\n');
    const manifest = await loadManifest(path(), deps);
    const next = { ...manifest, servers: { ...manifest.servers, a: { command: 'deno' } } };
    await saveManifest(next, path(), deps);
    expect(await loadManifest(path(), deps)).toEqual(next);
  });

  it('mends a file that is YAML but no valid manifest', async () => {
    await writeFile(path(), '# mine\nname: x\nconcurency: 3\n');
    await saveManifest({ name: 'x' }, path(), deps);
    expect(await text()).toBe('# mine\nname: x\n');
  });

  it('overwrites nothing that it can not read, and writes nothing that is not valid', async () => {
    await writeFile(path(), 'name: [x');
    await expect(saveManifest({ name: 'x' }, path(), deps)).rejects.toBeInstanceOf(ManifestError);
    expect(await text()).toBe('name: [x');
    await writeFile(path(), commented);
    await expect(saveManifest({ name: 'no good' }, path(), deps)).rejects.toBeInstanceOf(ManifestValidationError);
    await expect(saveManifest({ name: 'x', world: {}, context: { initialState: {} } }, path(), deps)).rejects.toThrow('context.initial_state: is set a second time');
    await expect(saveManifest({ name: 'x', triggers: [{ type: 'cron' }] }, path(), deps)).rejects.toThrow('triggers[0].cron_expression: is required');
    expect(await text()).toBe(commented);
  });

  it('replaces the file at once, synced first, and keeps its permissions', async () => {
    await writeFile(path(), commented);
    await chmod(path(), 0o600);
    const calls: string[] = [];
    const disk: Disk = {
      ...nodeDisk,
      async open(name, mode, options) {
        const file = await nodeDisk.open(name, mode, options);
        return { ...file, datasync: () => (calls.push('datasync'), file.datasync()) };
      },
      rename: (from, to) => (calls.push('rename'), nodeDisk.rename(from, to)),
      syncDirectory: (name) => (calls.push('syncDirectory'), nodeDisk.syncDirectory(name)),
    };
    await saveManifest({ name: 'x' }, path(), { disk });
    expect(calls).toEqual(['datasync', 'rename', 'syncDirectory']);
    expect(await readdir(folder)).toEqual(['shop.agent']);
    expect((await stat(path())).mode & 0o777).toBe(0o600);
  });

  it('leaves the old file when the disk is full', async () => {
    await writeFile(path(), commented);
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const disk: Disk = { ...nodeDisk, open: async (name, mode, options) => ({ ...(await nodeDisk.open(name, mode, options)), write: () => Promise.reject(full) }) };
    await expect(saveManifest({ name: 'x' }, path(), { disk })).rejects.toThrow(`${path()}: can not be written: no space left on device`);
    expect(await text()).toBe(commented);
  });

  it.each([' \n', '  a\n', '\n \nb'])('keeps the blanks at the beginning of the instructions %j', async (instructions) => {
    await writeFile(path(), 'name: x\n');
    await saveManifest({ name: 'x', instructions }, path(), deps);
    expect(parseManifest(await text(), path()).manifest.instructions).toBe(instructions);
    expect(parseManifest(manifestText({ name: 'x', instructions }), 'x.agent').manifest.instructions).toBe(instructions);
  });

  const server = fc.oneof(fc.record({ command: fc.string({ minLength: 1 }), args: fc.array(fc.string()) }), fc.record({ url: fc.constant('http://h/mcp'), keep: fc.boolean() }).map(({ url }) => ({ url })));
  const manifest = fc.record(
    {
      name: fc.constant('x'),
      instructions: fc.string({ unit: fc.constantFrom('a', ' ', '\n', '#', ':', '"', '- ', '\u00e9') }),
      world: fc.dictionary(fc.string().filter((key) => key !== '__proto__'), fc.oneof(fc.string(), fc.boolean(), fc.constant(null), fc.integer(), fc.array(fc.string()))),
      servers: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), server, { maxKeys: 2 }),
      config: fc.record({ concurrency: fc.integer({ min: 1, max: 100 }), idleTimeoutMs: fc.nat() }, { requiredKeys: [] }),
    },
    { requiredKeys: ['name'] },
  );

  it('turns the file of any manifest into that of any other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(manifest.map(manifestText), fc.constantFrom(commented, manifestTemplate('full', { name: 'x' }))), manifest, async (before, next) => {
        await writeFile(path(), before);
        await saveManifest(next, path(), deps);
        expect(parseManifest(await text(), path()).manifest).toEqual(next);
      }),
      { numRuns: 60 },
    );
  });
});
