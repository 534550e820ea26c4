import { resolveReferences, type Disk, type Environment } from '@cortex-runtime/core';
import { discoverPlugins, ToolSourceError, type ServicePlugin } from '@cortex-runtime/plugins';
import type { PluginConfig } from '@cortex-runtime/plugins/config';

export interface FindPluginDeps {
  disk: Disk;
  environment: Environment;
  /** Plugins that a manifest names by their name alone are looked for among what its `package.json` depends on. */
  workingDirectory: string;
}

/**
 * Loads the plugin that a manifest names: from a path, from a package, or from what the working directory depends on.
 *
 * @param baseDirectory - of the manifest: paths start there, and packages are looked for there first
 * @throws ToolSourceError when there is none, it can not be loaded, or it calls itself otherwise
 */
export async function findPlugin({ disk, environment, workingDirectory }: FindPluginDeps, name: string, config: PluginConfig, baseDirectory: string): Promise<ServicePlugin> {
  const text = (field: 'package' | 'path') => (config[field] === undefined ? undefined : resolveReferences(config[field], environment, `plugins.${name}.${field}`));
  const [path, packageName] = [text('path'), text('package')];
  const unusable = (problem: string) => new ToolSourceError(name, problem, { kind: 'plugin' });
  const look = async () => {
    if (path !== undefined) return discoverPlugins({ disk }, { from: baseDirectory, packages: [], paths: [path] });
    if (packageName === undefined) return discoverPlugins({ disk }, { from: workingDirectory, name });
    const beside = await discoverPlugins({ disk }, { from: baseDirectory, packages: [packageName] });
    return beside.some(({ plugin }) => plugin !== undefined) ? beside : discoverPlugins({ disk }, { from: workingDirectory, packages: [packageName] });
  };
  const found = await look();
  const plugin = found.find((each) => each.plugin !== undefined)?.plugin;
  const [first] = found;
  if (plugin === undefined && first !== undefined) throw unusable(`${first.path}: ${first.error ?? 'no plugin'}`);
  if (plugin === undefined) throw unusable(`no package that ${workingDirectory} depends on has a plugin of this name; npm install one there, or say where it is: plugins.${name}.package or path`);
  if (plugin.name !== name) throw unusable(`the plugin at ${first?.path ?? ''} calls itself ${JSON.stringify(plugin.name)}; name it so in the manifest`);
  return plugin;
}
