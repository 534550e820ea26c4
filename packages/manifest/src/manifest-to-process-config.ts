import { documentFieldName, formatPath, type DocumentIssue } from '@cortex-runtime/core';
import type { z } from 'zod';

import { ManifestMemory, rootSettings, type AgentManifest } from './agent-manifest.ts';
import { ContextConfig } from './context-config.ts';
import { ProcessConfig } from './process-config.ts';

type ProcessSettings = z.input<typeof ProcessConfig>;
type ContextSettings = z.input<typeof ContextConfig>;

/** Each setting of `memory` and the setting of `context` that it stands for. */
const memorySettings = {
  provider: 'memoryProvider',
  collection: 'memoryCollection',
  persistDirectory: 'memoryPersistDirectory',
  userId: 'memoryUserId',
  embeddingModel: 'memoryEmbeddingModel',
  embeddingOptions: 'memoryEmbeddingOptions',
  autoStore: 'memoryAutoStore',
  max: 'memoryMax',
  minScore: 'memoryMinScore',
  timeoutMs: 'memoryTimeoutMs',
} as const satisfies Record<keyof ManifestMemory, keyof ContextSettings>;

/**
 * The complete configuration that a manifest stands for: `config`, the sections at its top, `world` and `memory`, and a default for the rest.
 *
 * @throws ZodError when the manifest was not checked before; `loadManifest` and `parseManifest` do
 */
export function manifestToProcessConfig(manifest: AgentManifest): ProcessConfig {
  return ProcessConfig.parse(mergeSettings(manifest));
}

function mergeSettings(manifest: AgentManifest): ProcessSettings {
  const merged: Record<string, unknown> = { ...manifest.config };
  for (const key of rootSettings) if (manifest[key] !== undefined) merged[key] = manifest[key];
  const context: Record<string, unknown> = { ...(manifest.context ?? manifest.config?.context) };
  if (manifest.world !== undefined) context['initialState'] = manifest.world;
  if (manifest.memory !== undefined) {
    const memory = { provider: 'in_memory' as const, ...manifest.memory };
    for (const [short, long] of Object.entries(memorySettings)) {
      const value = memory[short as keyof typeof memorySettings];
      if (value !== undefined) context[long] = value;
    }
  }
  return { ...(merged as ProcessSettings), context: context as ContextSettings };
}

/** A setting that stands in two places, as an issue at the second one that names both: which of them counts should be nobody's guess. */
export function findSettingConflicts(manifest: AgentManifest): DocumentIssue[] {
  const issues: DocumentIssue[] = [];
  const report = (second: string[], first: string[]) => {
    const path = formatPath(second);
    issues.push({ segments: second, path, message: `is set a second time, ${formatPath(first)} sets the same; keep one of the two` });
  };
  for (const key of rootSettings) {
    if (manifest[key] === undefined || manifest.config?.[key] === undefined) continue;
    const name = documentFieldName(key, ProcessConfig.shape[key]);
    report(['config', name], [name]);
  }
  for (const [place, context] of [[['context'], manifest.context], [['config', 'context'], manifest.config?.context]] as const) {
    if (context === undefined) continue;
    if (manifest.world !== undefined && context.initialState !== undefined) report([...place, 'initial_state'], ['world']);
    for (const [short, long] of Object.entries(memorySettings)) {
      const key = short as keyof typeof memorySettings;
      if (manifest.memory?.[key] === undefined || context[long] === undefined) continue;
      report([...place, documentFieldName(long, ContextConfig.shape[long])], ['memory', documentFieldName(key, ManifestMemory.shape[key])]);
    }
  }
  return issues;
}
