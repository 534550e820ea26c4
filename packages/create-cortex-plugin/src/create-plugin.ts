import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface CreatePluginInput {
  /** Where the plugin is written; made when it is not there. */
  directory: string;
  /** Of the npm package: `cortex-plugin-notes`, `@acme/cortex-plugin-notes`. */
  packageName: string;
  /** The folder of this package: the template and the versions that go with it. */
  packageRoot: string;
}

/** What was asked for can not be made. The message says why, for a person. */
export class CreatePluginError extends Error {
  override readonly name = 'CreatePluginError';
}

const packagePattern = /^(@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/;
const pluginPattern = /^(?=.{1,40}$)[a-z0-9]+([_-][a-z0-9]+)*$/;
/** What may be in the folder before. */
const harmless = new Set(['.git', '.DS_Store', 'LICENSE']);

/**
 * Writes a plugin that compiles and passes its tests.
 *
 * @returns the files, in order
 * @throws CreatePluginError when the name is none, or the folder has something in it
 */
export async function createPlugin({ directory, packageName, packageRoot }: CreatePluginInput): Promise<string[]> {
  if (!packagePattern.test(packageName) || packageName.length > 214) throw new CreatePluginError(`${JSON.stringify(packageName)} is no name of an npm package: small letters, digits, ".", "_" and "-"`);
  const plugin = pluginNameOf(packageName);
  if (!pluginPattern.test(plugin)) throw new CreatePluginError(`a plugin can not be called ${JSON.stringify(plugin)}: letters and digits, with single "-" or "_" in between, at most 40`);
  const present = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new CreatePluginError(`${directory} can not be used: ${error.message}`);
  });
  const inTheWay = present.filter((name) => !harmless.has(name));
  if (inTheWay.length > 0) throw new CreatePluginError(`${directory} is not empty (${inTheWay.slice(0, 3).join(', ')}); choose another folder`);

  const values = await valuesOf(packageRoot, packageName, plugin);
  const template = join(packageRoot, 'template');
  const written: string[] = [];
  for (const file of (await readdir(template, { recursive: true })).filter((name) => name.endsWith('.template')).sort()) {
    const target = file.replaceAll('\\', '/').replace(/\.template$/, '');
    const text = (await readFile(join(template, file), 'utf8')).replaceAll(/\{\{([a-z-]+)\}\}/g, (_, name: string) => values[name] ?? '');
    await mkdir(dirname(join(directory, target)), { recursive: true });
    await writeFile(join(directory, target), text, { flag: 'wx' });
    written.push(target);
  }
  return written;
}

/** `@acme/cortex-plugin-notes` is the plugin `notes`. */
export function pluginNameOf(packageName: string): string {
  return packageName.replace(/^@[^/]*\//, '').replace(/^cortex-plugin-/, '').replaceAll(/[^a-z0-9_-]+/g, '-');
}

async function valuesOf(packageRoot: string, packageName: string, plugin: string): Promise<Record<string, string>> {
  // The packages against which the template is tested: releases keep these ranges current.
  const { devDependencies } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> };
  const words = plugin.split(/[_-]/);
  return {
    package: packageName,
    plugin,
    class: `${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('').replace(/^(?=\d)/, 'The')}Plugin`,
    credential: `${words.join('_')}_api_key`.replace(/^(?=\d)/, 'the_'),
    'plugins-range': devDependencies['@cortex-runtime/plugins'] ?? '*',
    'testing-range': devDependencies['@cortex-runtime/testing'] ?? '*',
  };
}
