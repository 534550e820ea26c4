import { createHash } from 'node:crypto';

import { parseDocument, toDocument, type JsonObject } from '@cortex-runtime/core';

import { ProcessConfig } from './process-config.ts';

/** The complete configuration in its snake_case form: what journals and HTTP carry. References stay references. */
export function processConfigToDocument(config: ProcessConfig): JsonObject {
  return toDocument(ProcessConfig, config) as JsonObject;
}

/**
 * Reads what {@link processConfigToDocument} wrote, and any part of it.
 *
 * @throws DocumentError with every issue
 */
export function processConfigFromDocument(document: unknown): ProcessConfig {
  return parseDocument(ProcessConfig, document, 'the process configuration');
}

/** SHA-256, in hexadecimal, of the configuration's canonical document: equal exactly when two configurations mean the same. */
export function manifestDigest(config: ProcessConfig): string {
  return createHash('sha256').update(canonicalJson(processConfigToDocument(config))).digest('hex');
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${sorted.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}
