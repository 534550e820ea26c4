import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { describeError, type Disk } from '@cortex-runtime/core';
import { z } from 'zod';

import type { ServicePlugin } from '../protocol/service-plugin.ts';
import { pluginOfModule } from './plugin-of-module.ts';

/** Where plugins are looked for. */
export const DiscoverOptions = z.strictObject({
  /** The folder whose `package.json` and `node_modules` count; absolute. */
  from: z.string().min(1),
  /**
   * Which installed packages are loaded: those that the folder's own `package.json` depends on (`direct`), or these by name. A package that only
   * came along as somebody's dependency is never run because it calls itself a plugin.
   */
  packages: z.union([z.literal('direct'), z.array(z.string().min(1))]).default('direct'),
  /** Modules, or folders with a `package.json`, that are loaded as well; relative ones start at `from`. */
  paths: z.array(z.string().min(1)).default([]),
  /** Of the packages that the folder depends on, only the one whose plugin has this name. One whose `package.json` says another is not loaded. */
  name: z.string().min(1).optional(),
});
export type DiscoverOptions = z.input<typeof DiscoverOptions>;

/** A plugin that was found, or what was found in its place. */
export interface DiscoveredPlugin {
  /** The module, or the folder where it should have been. */
  path: string;
  packageName?: string;
  packageVersion?: string;
  plugin?: ServicePlugin;
  /** Why it can not be used. */
  error?: string;
}

/** The part of a `package.json` that counts. */
const Manifest = z.looseObject({
  name: z.string().optional(),
  version: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  devDependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
  cortex: z.looseObject({ plugin: z.string().min(1).optional(), name: z.string().optional() }).optional(),
});
type Manifest = z.infer<typeof Manifest>;

/**
 * Finds plugins: installed packages with `"cortex": { "plugin": "./dist/plugin.js" }` in their `package.json`, and explicit paths. The module exports
 * the plugin, or a class or function that makes it, as `plugin` or as its default.
 *
 * A package that can not be loaded is returned with its error, and does not keep others from being found.
 */
export async function discoverPlugins({ disk }: { disk: Disk }, options: DiscoverOptions): Promise<DiscoveredPlugin[]> {
  const { from, packages, paths, name } = DiscoverOptions.parse(options);
  const found: DiscoveredPlugin[] = [];
  const isAsked = packages !== 'direct';
  for (const packageName of isAsked ? packages : await directDependencies(disk, from)) {
    const folder = await installedAt(disk, from, packageName);
    if (folder === undefined) {
      if (isAsked) found.push({ path: join(from, 'node_modules', packageName), packageName, error: `the package ${packageName} is not installed; run npm install ${packageName}` });
      continue;
    }
    const each = await fromFolder(disk, folder, isAsked, isAsked ? undefined : name);
    if (each !== undefined && (isAsked || name === undefined || each.plugin === undefined || each.plugin.name === name)) found.push(each);
  }
  for (const path of paths) found.push(await fromPath(disk, resolve(from, path)));
  return found;
}

async function fromPath(disk: Disk, path: string): Promise<DiscoveredPlugin> {
  const kind = (await disk.stat(path))?.kind;
  if (kind === undefined) return { path, error: 'there is nothing at this path' };
  if (kind === 'directory') return (await fromFolder(disk, path, true)) ?? { path, error: 'no plugin' };
  return load({ path }, path);
}

/** Undefined for a package that is no plugin, unless one was asked for. */
async function fromFolder(disk: Disk, folder: string, isAsked: boolean, name?: string): Promise<DiscoveredPlugin | undefined> {
  let manifest: Manifest | undefined;
  try {
    manifest = await readManifest(disk, folder);
  } catch (error) {
    return isAsked ? { path: folder, error: `its package.json can not be read: ${describeError(error)}` } : undefined;
  }
  const entry = manifest?.cortex?.plugin;
  if (entry === undefined) return isAsked ? { path: folder, error: 'its package.json has no "cortex": { "plugin": "./path.js" }' } : undefined;
  const declaredName = manifest?.cortex?.name;
  if (name !== undefined && declaredName !== undefined && declaredName !== name) return undefined;
  const about: DiscoveredPlugin = {
    path: resolve(folder, entry),
    ...(manifest?.name === undefined ? {} : { packageName: manifest.name }),
    ...(manifest?.version === undefined ? {} : { packageVersion: manifest.version }),
  };
  const inside = relative(folder, about.path);
  if (inside.startsWith('..') || isAbsolute(inside)) return { ...about, error: `its cortex.plugin ${JSON.stringify(entry)} leads out of the package` };
  return load(about, about.path, declaredName);
}

async function load(about: DiscoveredPlugin, path: string, expectedName?: string): Promise<DiscoveredPlugin> {
  try {
    const plugin = await pluginOfModule((await import(/* @vite-ignore */ pathToFileURL(path).href)) as Record<string, unknown>);
    if (expectedName !== undefined && plugin.name !== expectedName) return { ...about, error: `its package.json calls it ${JSON.stringify(expectedName)}, the plugin calls itself ${JSON.stringify(plugin.name)}` };
    return { ...about, plugin };
  } catch (error) {
    return { ...about, error: describeError(error) };
  }
}

async function directDependencies(disk: Disk, folder: string): Promise<string[]> {
  const manifest = await readManifest(disk, folder);
  return [...new Set(Object.keys({ ...manifest?.dependencies, ...manifest?.optionalDependencies, ...manifest?.devDependencies }))].sort();
}

/** As Node looks for it: in `node_modules` of the folder and of those above. */
async function installedAt(disk: Disk, from: string, name: string): Promise<string | undefined> {
  if (name.split('/').some((part) => part === '' || part === '.' || part === '..') || isAbsolute(name)) return undefined;
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if ((await disk.stat(join(candidate, 'package.json')))?.kind === 'file') return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

async function readManifest(disk: Disk, folder: string): Promise<Manifest | undefined> {
  const path = join(folder, 'package.json');
  if ((await disk.stat(path)) === undefined) return undefined;
  return Manifest.parse(JSON.parse(Buffer.from(await disk.readFile(path)).toString()));
}
