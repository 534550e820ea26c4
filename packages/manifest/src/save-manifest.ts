import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { describeError, readDocument, toDocument, type Disk } from '@cortex-runtime/core';
import { Document } from 'yaml';

import { AgentManifestSchema, type AgentManifest } from './agent-manifest.ts';
import { ManifestError, ManifestValidationError } from './errors.ts';
import type { ManifestDependencies } from './load-manifest.ts';
import { manifestToProcessConfig } from './manifest-to-process-config.ts';
import { checkMeaning, parseManifest } from './parse-manifest.ts';
import { readManifestFile } from './read-manifest-file.ts';
import { readYaml } from './yaml/read-yaml.ts';
import { YamlProblem } from './yaml/yaml-problem.ts';
import { updateDocument } from './yaml/update-document.ts';

/**
 * Writes a manifest. The comments of an existing file are kept, as is the way in which it writes whatever does not change. The file is replaced at once: a
 * crash leaves the old one or the new one, never half of one.
 *
 * @throws ManifestValidationError when the manifest is not valid; nothing is written
 * @throws ManifestError when the existing file is no YAML (it is not overwritten), or when writing fails
 */
export async function saveManifest(manifest: AgentManifest, filePath: string, deps: ManifestDependencies): Promise<void> {
  const document = toDocument(AgentManifestSchema, manifest);
  const result = readDocument(AgentManifestSchema, document);
  const issues = result.ok ? checkMeaning(manifest, manifestToProcessConfig(manifest), deps) : result.issues;
  if (issues.length > 0) throw new ManifestValidationError(issues, filePath);
  const existing = await deps.disk.stat(filePath);
  const text = existing === undefined ? freshText(document) : editText(await readManifestFile(deps.disk, filePath), filePath, document, deps);
  try {
    await replaceFile(deps.disk, filePath, text, existing?.permissions ?? 0o644);
  } catch (error) {
    throw new ManifestError(filePath, `can not be written: ${describeError(error)}`, {}, { cause: error });
  }
}

/** The text of a manifest that has no file yet. */
export function manifestText(manifest: AgentManifest): string {
  return freshText(toDocument(AgentManifestSchema, manifest));
}

function freshText(document: unknown): string {
  const text = new Document(document).toString({ lineWidth: 0 });
  // A block can not hold a text of nothing but blanks and line ends: it is quoted then.
  return says(text, document) ? text : new Document(document).toString({ lineWidth: 0, blockQuote: false });
}

function says(text: string, document: unknown): boolean {
  try {
    return isDeepStrictEqual(readYaml(text).value, document);
  } catch (error) {
    if (error instanceof YamlProblem) return true; // beyond a limit: whoever loads it is told
    throw error;
  }
}

function editText(text: string, filePath: string, next: unknown, deps: ManifestDependencies): string {
  const previous = meaningOf(text, filePath, deps);
  if (isDeepStrictEqual(previous, next)) return text;
  const yaml = readYaml(text);
  if (yaml.document === undefined) return freshText(next);
  updateDocument(yaml.document, previous ?? yaml.value, next);
  const edited = yaml.document.toString({ lineWidth: 0 });
  // Behind an alias, an edit in one place can show in another. Then the comments go, rather than the meaning.
  return isDeepStrictEqual(meaningOf(edited, filePath, deps), next) ? edited : freshText(next);
}

/** What a text says, in the form of `toDocument`; undefined when it is no valid manifest. */
function meaningOf(text: string, filePath: string, deps: ManifestDependencies): unknown {
  try {
    return toDocument(AgentManifestSchema, parseManifest(text, filePath, deps).manifest);
  } catch (error) {
    if (error instanceof ManifestValidationError) return undefined;
    throw error;
  }
}

async function replaceFile(disk: Disk, filePath: string, text: string, permissions: number): Promise<void> {
  const temporary = `${filePath}.saving`;
  const file = await disk.open(temporary, 'write', { permissions });
  try {
    await file.write(new TextEncoder().encode(text));
    await file.datasync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, filePath);
  await disk.syncDirectory(dirname(filePath));
}
