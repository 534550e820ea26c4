import { documentFieldName, formatPath, readDocumentInput, type DocumentIssue, type Environment } from '@cortex-runtime/core';
import type { TriggerRegistry } from '@cortex-runtime/triggers';

import { AgentManifestSchema, type AgentManifest } from './agent-manifest.ts';
import { checkTools } from './check-tools.ts';
import { checkTriggers } from './check-triggers.ts';
import { ManifestError, ManifestValidationError, type ManifestProblem } from './errors.ts';
import { readThroughCache, type ManifestCache } from './manifest-cache.ts';
import { findSettingConflicts, manifestToProcessConfig } from './manifest-to-process-config.ts';
import { ProcessConfig } from './process-config.ts';
import { placeInText, readYaml, type YamlText } from './yaml/read-yaml.ts';
import { YamlProblem } from './yaml/yaml-problem.ts';

export interface ParseManifestOptions {
  /** Where references in the place of a number, a boolean, a duration or a word of a fixed set are looked up; with none, only their defaults count. */
  environment?: Environment;
  /** The trigger types that a manifest may name, where they are not those of `registerTriggerType`. */
  triggerRegistry?: TriggerRegistry;
  /** Makes reading a text a second time cheap. */
  cache?: ManifestCache;
}

/** A manifest that was read, with all that is known of it. */
export interface LoadedManifest {
  filePath: string;
  /** What it says. */
  manifest: AgentManifest;
  /** What it means: complete, with defaults. */
  config: ProcessConfig;
}

/** A manifest together with the text that it came from, so that more can be said about places in it. */
export interface LocatedManifest extends LoadedManifest {
  locate: YamlText['locate'];
}

/**
 * Reads the text of a manifest.
 *
 * @param filePath - for messages
 * @throws ManifestError when it is no YAML map
 * @throws ManifestValidationError with every error and its line and column
 */
export function parseManifest(text: string, filePath: string, options: ParseManifestOptions = {}): LocatedManifest {
  const read = (unread: string) => readText(unread, filePath);
  const yaml = options.cache === undefined ? read(text) : readThroughCache(text, options.cache, read);
  if (yaml.value === null) throw new ManifestError(filePath, 'is empty; a manifest needs at least a name');
  if (typeof yaml.value !== 'object' || Array.isArray(yaml.value)) throw new ManifestError(filePath, 'must be a map of settings, such as "name: my-agent"', yaml.locate([]));
  const raw = yaml.value as Record<string, unknown>;
  // An unquoted 1.0 is a number to YAML; everybody forgets the quotes.
  const written = raw['version'] === 1 ? { ...raw, version: '1.0' } : raw;
  const result = readDocumentInput(AgentManifestSchema, written, { environment: options.environment ?? {} });
  if (!result.ok) throw validationError(result.issues.map(explain), yaml, filePath);
  const config = manifestToProcessConfig(result.value);
  const issues = checkMeaning(result.value, config, options);
  if (issues.length > 0) throw validationError(issues, yaml, filePath);
  return { filePath, manifest: result.value, config, locate: yaml.locate };
}

function readText(text: string, filePath: string): YamlText {
  try {
    return readYaml(text);
  } catch (error) {
    if (error instanceof YamlProblem) throw new ManifestError(filePath, error.message, placeInText(text, error.offset), { cause: error });
    throw error;
  }
}

/** What no schema can see. */
export function checkMeaning(manifest: AgentManifest, config: ProcessConfig, options: ParseManifestOptions): DocumentIssue[] {
  const place = manifest.triggers === undefined ? ['config', 'triggers'] : ['triggers'];
  return [...findSettingConflicts(manifest), ...checkTools(manifest, config), ...checkTriggers(config.triggers, place, options)];
}

const configKeys = new Set(Object.entries(ProcessConfig.shape).map(([key, schema]) => documentFieldName(key, schema)));

/** Adds what the generic reader can not know: a setting that exists, but not at the top. */
function explain(issue: DocumentIssue): DocumentIssue {
  const [key, ...rest] = issue.segments;
  if (issue.unknownKey !== true || rest.length > 0 || !configKeys.has(String(key))) return issue;
  return { ...issue, message: `unknown key at the top of a manifest; it belongs under config: ${formatPath(['config', String(key)])}` };
}

function validationError(issues: readonly DocumentIssue[], yaml: Pick<YamlText, 'locate'>, filePath: string): ManifestValidationError {
  const problems = issues.map((issue): ManifestProblem & { line: number; column: number } => ({
    path: issue.path,
    message: issue.message,
    ...yaml.locate(issue.segments, issue.unknownKey === true),
  }));
  return new ManifestValidationError(problems.sort((a, b) => a.line - b.line || a.column - b.column), filePath);
}
