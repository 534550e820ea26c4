import { readFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { createPlugin, CreatePluginError } from './create-plugin.ts';

const usage = `npm create @cortex-runtime/cortex-plugin FOLDER [-- --name PACKAGE]

Writes the start of a plugin for Cortex agents: TypeScript, two actions, tests that pass.

  --name PACKAGE   name of the npm package; default: the name of the folder
  --version        prints the version
  --help           prints this
`;

export interface MainContext {
  packageRoot: string;
  workingDirectory: string;
  print(text: string): void;
  printError(text: string): void;
}

/** The command. Returns the exit code: 0, 1 when it can not be done, 2 when it was called wrongly. */
export async function main(args: readonly string[], { packageRoot, workingDirectory, print, printError }: MainContext): Promise<0 | 1 | 2> {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options: { name: { type: 'string' }, version: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
  } catch (error) {
    printError(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  const { values, positionals } = parsed;
  if (values.version === true) {
    const { version } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
    print(`${version}\n`);
    return 0;
  }
  if (values.help === true) {
    print(usage);
    return 0;
  }
  const [folder] = positionals;
  if (folder === undefined || positionals.length > 1) {
    printError(`${folder === undefined ? 'say in which folder the plugin is to be written' : `one folder, not ${positionals.length}: ${positionals.join(' ')}`}\n\n${usage}`);
    return 2;
  }
  const directory = resolve(workingDirectory, folder);
  try {
    const files = await createPlugin({ directory, packageName: values.name ?? basename(directory), packageRoot });
    const place = relative(workingDirectory, directory) || '.';
    print(`${files.map((file) => `  ${join(place, file)}`).join('\n')}\n\nNext:\n  cd ${place}\n  npm install\n  npm test\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof CreatePluginError)) throw error;
    printError(`${error.message}\n`);
    return 1;
  }
}
