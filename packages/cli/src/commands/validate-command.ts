import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import { describeError } from '@cortex-runtime/core';
import { nodeDisk } from '@cortex-runtime/core/node';
import { formatProblem, loadDirectory, loadManifest, ManifestValidationError, validateManifest, type ManifestProblem } from '@cortex-runtime/manifest';

import type { CommandContext, SharedOptions } from '../command-context.ts';
import { counted } from '../show/amounts.ts';
import { CommandError } from '../errors.ts';

interface Verdict {
  file: string;
  name?: string;
  valid: boolean;
  errors: readonly ManifestProblem[];
  warnings: readonly ManifestProblem[];
}

/** `cortex validate PATH…`: everything that is wrong, with line and column; exit code 1 when a manifest is not valid. Warnings do not fail. */
export async function validateCommand(context: CommandContext, paths: readonly string[], options: SharedOptions): Promise<number> {
  const deps = { disk: nodeDisk, environment: context.environment };
  const verdicts: Verdict[] = [];
  for (const path of paths) {
    const found = await stat(resolve(context.workingDirectory, path)).catch(() => undefined);
    if (found === undefined) throw new CommandError('NOT_FOUND', `there is nothing at ${path}`);
    if (!found.isDirectory()) {
      verdicts.push(await judge(path, deps));
      continue;
    }
    const { manifests, errors } = await loadDirectory(path, deps);
    if (manifests.length + errors.length === 0) throw new CommandError('NOT_FOUND', `the directory ${path} holds no *.agent file`);
    for (const { filePath } of manifests) verdicts.push(await judge(filePath, deps));
    for (const { file, error } of errors) verdicts.push(failed(file, error));
  }
  report(context, options, verdicts.sort((a, b) => a.file.localeCompare(b.file)));
  return verdicts.every(({ valid }) => valid) ? 0 : 1;
}

async function judge(file: string, deps: Parameters<typeof loadManifest>[1]): Promise<Verdict> {
  try {
    const { name } = await loadManifest(file, deps);
    return { file, name, valid: true, errors: [], warnings: await validateManifest(file, deps) };
  } catch (error) {
    return failed(file, error);
  }
}

function failed(file: string, error: unknown): Verdict {
  if (error instanceof ManifestValidationError && error.errors.length > 0) return { file, valid: false, errors: error.errors, warnings: [] };
  const place = error as { line?: number; column?: number };
  const message = describeError(error).replace(`${file}: `, '').replace(new RegExp(`^${file.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}:\\d+:\\d+: `), '');
  return { file, valid: false, errors: [{ path: '(document)', message, ...(place.line === undefined ? {} : { line: place.line, column: place.column ?? 1 }) }], warnings: [] };
}

function report({ terminal }: CommandContext, options: SharedOptions, verdicts: readonly Verdict[]): void {
  if (options.json === true) {
    terminal.out(JSON.stringify(verdicts, null, 2));
    return;
  }
  const { colors } = terminal;
  for (const { file, name, valid, errors, warnings } of verdicts) {
    terminal.out(valid ? `${colors.green('✓')} ${file}  ${name ?? ''}` : `${colors.red('✗')} ${file}`);
    for (const problem of errors) terminal.out(`  ${colors.red('error')}    ${formatProblem(file, problem)}`);
    for (const problem of warnings) terminal.out(`  ${colors.yellow('warning')}  ${formatProblem(file, problem)}`);
  }
  const bad = verdicts.filter(({ valid }) => !valid).length;
  terminal.out(colors.dim(bad === 0 ? `${counted(verdicts.length, 'manifest')} valid` : `${bad} of ${counted(verdicts.length, 'manifest')} not valid`));
}
