import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';

import { nearestName } from '@cortex-runtime/core';
import { manifestTemplate, manifestTemplates, type ManifestTemplate } from '@cortex-runtime/manifest';

import { show, type CommandContext, type SharedOptions } from '../command-context.ts';
import { CommandError, UsageError } from '../errors.ts';

/** `cortex init [NAME]`: writes a manifest with comments, ready to run. */
export async function initCommand(context: CommandContext, name: string, options: SharedOptions & { template: string; output?: string; force?: boolean }): Promise<number> {
  const template = manifestTemplates.find((each) => each === options.template);
  if (template === undefined) {
    const near = nearestName(options.template, manifestTemplates);
    throw new UsageError(`there is no template ${JSON.stringify(options.template)}${near === undefined ? '' : `; did you mean ${near}?`}; templates are ${manifestTemplates.join(', ')}`);
  }
  const text = manifestTemplate(template satisfies ManifestTemplate, { name });
  const file = resolve(context.workingDirectory, options.output ?? `${name}.agent`);
  const shown = relative(context.workingDirectory, file) || file;
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeFile(file, text, { flag: options.force === true ? 'w' : 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new CommandError('FILE_EXISTS', `${shown} is there already; replace it with --force, or write elsewhere with --output`, { cause: error });
  }
  show(context, options, { file, template, name }, [`wrote ${shown}`, `  check it:  cortex validate ${shown}`, `  start it:  cortex start ${shown}`]);
  return 0;
}
