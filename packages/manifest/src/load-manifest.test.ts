import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { nodeDisk } from '@cortex-runtime/core/node';
import { beforeEach, describe, expect, it } from 'vitest';

import { ManifestError, ManifestValidationError } from './errors.ts';
import { loadDirectory } from './load-directory.ts';
import { loadManifest } from './load-manifest.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cortex-agents-'));
  return () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
});
const write = (name: string, text: string | Uint8Array) => writeFile(join(folder, name), text);
const deps = { disk: nodeDisk, environment: {} };

describe('loadManifest', () => {
  it('reads a file', async () => {
    await write('a.agent', 'name: a\nmodel: b:c\n');
    expect(await loadManifest(join(folder, 'a.agent'), deps)).toEqual({ name: 'a', model: 'b:c' });
  });

  it('says what a path is when it is no manifest', async () => {
    await mkdir(join(folder, 'd.agent'));
    await write('latin.agent', Uint8Array.of(0x6e, 0xe9));
    execFileSync('mkfifo', [join(folder, 'pipe.agent')]);
    const load = (name: string) => loadManifest(join(folder, name), deps);
    await expect(load('none.agent')).rejects.toThrow(`${join(folder, 'none.agent')}: there is no such file`);
    await expect(load('d.agent')).rejects.toThrow('is a directory, not a file');
    await expect(load('pipe.agent')).rejects.toThrow('is a device or pipe, not a file');
    await expect(load('latin.agent')).rejects.toThrow('is not UTF-8 text');
    await expect(load('none.agent')).rejects.toBeInstanceOf(ManifestError);
  });

  // S6: 100 MB.
  it('does not read a file that is too large', async () => {
    await write('big.agent', 'name: a\n');
    await truncate(join(folder, 'big.agent'), 100 * 1024 * 1024);
    const disk = { ...nodeDisk, open: () => Promise.reject(new Error('the file was opened')) };
    await expect(loadManifest(join(folder, 'big.agent'), { disk })).rejects.toThrow('has 104857600 bytes, a manifest at most 262144');
  });
});

describe('loadDirectory', () => {
  it('loads the good ones, reports the bad ones, and goes on', async () => {
    await write('c.agent', 'name: c');
    await write('a.agent', 'name: a');
    await write('bad-key.agent', 'name: b\nmodle: x');
    await write('bad-yaml.agent', 'name: [');
    await write('not-one.yaml', 'name: [');
    await write('.hidden.agent', 'name: [');
    await write('half.agent.saving', 'name: [');
    await mkdir(join(folder, 'folder.agent'));
    await symlink(join(folder, 'gone'), join(folder, 'gone.agent'));
    const { manifests, errors } = await loadDirectory(folder, deps);
    expect(manifests.map(({ filePath, manifest, config }) => [filePath, manifest.name, config.journal.level])).toEqual([[`${folder}/a.agent`, 'a', 'full'], [`${folder}/c.agent`, 'c', 'full']]);
    expect(errors.map(({ file, error }) => [file, error.message])).toEqual([
      [`${folder}/bad-key.agent`, `${folder}/bad-key.agent:2:1: modle: unknown key; did you mean "model"?`],
      [`${folder}/bad-yaml.agent`, expect.stringContaining(`${folder}/bad-yaml.agent:1:8: `)],
      [`${folder}/folder.agent`, `${folder}/folder.agent: is a directory, not a file`],
      [`${folder}/gone.agent`, `${folder}/gone.agent: there is no such file`],
    ]);
  });

  it('takes the first of two with one name and names both', async () => {
    await write('a.agent', 'version: "1.0"\nname: same');
    await write('b.agent', 'model: x:y\nname: same');
    const { manifests, errors } = await loadDirectory(`${folder}/`, deps);
    expect(manifests.map(({ filePath }) => filePath)).toEqual([`${folder}/a.agent`]);
    expect(errors[0]?.error).toBeInstanceOf(ManifestValidationError);
    expect(errors[0]?.error.message).toBe(`${folder}/b.agent:2:7: name: "same" is already the name of ${folder}/a.agent; give one of the two another name`);
  });

  it('gives nothing for an empty directory and refuses one that is not there', async () => {
    expect(await loadDirectory(folder, deps)).toEqual({ manifests: [], errors: [] });
    await expect(loadDirectory(join(folder, 'none'), deps)).rejects.toThrow('none: the directory can not be read: ENOENT');
  });

  it('loads a thousand, in order', async () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `agent-${String(index).padStart(4, '0')}`);
    await Promise.all(names.map((name) => write(`${name}.agent`, `name: ${name}\ntriggers:\n  - {type: cron, cron_expression: "*/5 * * * *"}\n`)));
    const { manifests, errors } = await loadDirectory(folder, deps);
    expect(errors).toEqual([]);
    expect(manifests.map(({ manifest }) => manifest.name)).toEqual(names);
  });
});
