import { formatPath, hasReferences, isSecretName, type JsonValue } from '@cortex-runtime/core';

import type { AgentManifest } from './agent-manifest.ts';
import type { ManifestProblem } from './errors.ts';
import { inactiveFeatures } from './inactive-features.ts';
import { loadLocated, type ManifestDependencies } from './load-manifest.ts';
import type { LocatedManifest } from './parse-manifest.ts';

interface Warning {
  segments: (string | number)[];
  message: string;
}

/**
 * What is valid in a manifest and yet probably not meant: parts that are missing, secrets in plain sight, features that do nothing yet.
 *
 * @throws ManifestError, ManifestValidationError as `loadManifest` does
 */
export async function validateManifest(filePath: string, deps: ManifestDependencies): Promise<ManifestProblem[]> {
  return manifestWarnings(await loadLocated(filePath, deps));
}

/** The warnings of a manifest that was parsed, in the order of the file. */
export function manifestWarnings({ manifest, config, locate }: LocatedManifest): ManifestProblem[] {
  const warnings = [...missingParts(manifest, config), ...literalSecrets(manifest), ...misreadings(manifest, config)];
  for (const { path, message } of inactiveFeatures(config)) warnings.push({ segments: writtenAt(manifest, toSegments(path)), message });
  if (manifest.entrypoint !== undefined) warnings.push({ segments: ['entrypoint'], message: 'accepted, has no effect in this version' });
  return warnings
    .map(({ segments, message }) => ({ path: formatPath(segments), message, ...locate(segments) }))
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

function missingParts(manifest: AgentManifest, config: LocatedManifest['config']): Warning[] {
  const warnings: Warning[] = [];
  if ((config.instructions ?? '').trim() === '') warnings.push({ segments: ['instructions'], message: 'there are none; the model is told nothing about its task' });
  if (config.triggers.length === 0) warnings.push({ segments: ['triggers'], message: 'there are none; the agent wakes only when somebody injects an event' });
  if (Object.keys(config.servers).length + Object.keys(config.plugins).length === 0) warnings.push({ segments: ['servers'], message: 'there are none; the agent has no tools' });
  return warnings.map((warning) => ({ ...warning, segments: writtenAt(manifest, warning.segments) }));
}

function literalSecrets(manifest: AgentManifest): Warning[] {
  const warnings: Warning[] = [];
  const check = (segments: (string | number)[], value: string | undefined) => {
    if (value === undefined || value === '' || hasReferences(value)) return;
    warnings.push({ segments: writtenAt(manifest, segments), message: 'is a secret in plain sight; write ${NAME} and set the environment variable NAME' });
  };
  for (const [name, value] of Object.entries(manifest.secrets?.secrets ?? manifest.config?.secrets?.secrets ?? {})) check(['secrets', 'secrets', name], value);
  for (const [index, trigger] of (manifest.triggers ?? manifest.config?.triggers ?? []).entries()) check(['triggers', index, 'hmac_secret'], trigger.hmacSecret);
  for (const [name, server] of Object.entries(manifest.servers ?? manifest.config?.servers ?? {})) {
    if ('url' in server) {
      check(['servers', name, 'bearer_token'], server.bearerToken);
      check(['servers', name, 'api_key'], server.apiKey);
      for (const [header, value] of Object.entries(server.headers ?? {})) if (isSecretName(header)) check(['servers', name, 'headers', header], value);
    } else {
      for (const [variable, value] of Object.entries(server.env ?? {})) if (isSecretName(variable)) check(['servers', name, 'env', variable], value);
    }
  }
  check(['context', 'memory_embedding_options', 'api_key'], (manifest.memory?.embeddingOptions ?? (manifest.context ?? manifest.config?.context)?.memoryEmbeddingOptions)?.apiKey);
  const checkSettings = (segments: (string | number)[], value: JsonValue | undefined, isSecret: boolean) => {
    if (typeof value === 'string') {
      if (isSecret) check(segments, value);
    } else if (Array.isArray(value)) (value as readonly JsonValue[]).forEach((item, index) => checkSettings([...segments, index], item, isSecret));
    else if (typeof value === 'object' && value !== null) for (const [key, item] of Object.entries(value)) checkSettings([...segments, key], item, isSecret || isSecretName(key));
  };
  for (const [name, { settings }] of Object.entries(manifest.plugins ?? manifest.config?.plugins ?? {})) checkSettings(['plugins', name, 'settings'], settings as JsonValue | undefined, false);
  check(['model_options', 'api_key'], (manifest.modelOptions ?? manifest.config?.modelOptions)?.apiKey);
  return warnings;
}

function misreadings(manifest: AgentManifest, config: LocatedManifest['config']): Warning[] {
  const warnings: Warning[] = [];
  const warn = (segments: (string | number)[], message: string) => warnings.push({ segments: writtenAt(manifest, segments), message });
  for (const [index, trigger] of (manifest.triggers ?? manifest.config?.triggers ?? []).entries()) {
    const at = (key: string) => ['triggers', index, key];
    if (trigger.type === 'webhook') {
      if (trigger.hmacSecret === undefined) warn(['triggers', index], 'the webhook is not signed: whoever reaches the port can wake the agent; set hmac_secret');
      if (trigger.webhookPort !== undefined) warn(at('webhook_port'), "has no effect: webhooks are served on the host's one port, under /hooks/NAME");
      if (trigger.webhookHost !== undefined) warn(at('webhook_host'), "has no effect: webhooks are served on the host's own address");
    }
    if (trigger.cronExpression?.trim().split(/\s+/).length === 6 && trigger.cronSeconds === undefined) {
      warn(at('cron_expression'), 'has six fields; the first is read as the seconds. Set cron_seconds to first, or to last if the seconds stand at the end');
    }
  }
  const { memoryProvider, memoryPersistDirectory } = config.context;
  if (memoryPersistDirectory !== undefined && memoryProvider !== 'file' && memoryProvider !== 'embedding') warn(['context', 'memory_persist_directory'], 'has no effect: only the memories file and embedding lie in a directory');
  const hasOpenMode = manifest.openMode !== undefined || manifest.config?.openMode !== undefined;
  if (hasOpenMode && config.executionMode === 'strict') warn(['open_mode'], 'is ignored while execution_mode is strict');
  return warnings;
}

/** Where a setting really stands: at the top, under `config`, or in the short forms `memory` and `world`. */
function writtenAt(manifest: AgentManifest, segments: readonly (string | number)[]): (string | number)[] {
  const [section, key, ...rest] = segments;
  const short = section === 'context' && /^memory_/.test(String(key)) ? String(key).slice('memory_'.length) : '';
  if (manifest.memory !== undefined && (short === 'provider' || Object.hasOwn(manifest.memory, camelCase(short)))) return ['memory', short, ...rest];
  const camel = camelCase(String(section));
  const isUnderConfig = manifest.config !== undefined && Object.hasOwn(manifest.config, camel) && !Object.hasOwn(manifest, camel);
  return isUnderConfig ? ['config', ...segments] : [...segments];
}

function toSegments(path: string): (string | number)[] {
  return [...path.matchAll(/[^.[\]]+/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part));
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
