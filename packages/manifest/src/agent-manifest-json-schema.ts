import { isDeepStrictEqual } from 'node:util';

import { documentJsonSchema } from '@cortex-runtime/core';

import { AgentManifestSchema } from './agent-manifest.ts';

type Schema = Record<string, unknown>;

/** JSON Schema 2020-12 of the `.agent` format, for editors: published with this package as `agent.schema.json`. */
export function agentManifestJsonSchema(): Schema {
  const { $schema, ...schema } = documentJsonSchema(AgentManifestSchema);
  const properties = schema['properties'] as Record<string, Schema>;
  for (const [name, property] of Object.entries(properties)) properties[name] = allowReferences(property);
  properties['version'] = { ...withoutDescription(properties['version']), description: properties['version']?.['description'], enum: ['1.0', 1], const: undefined, type: undefined };
  const config = properties['config'] as Schema;
  const settings = config['properties'] as Record<string, Schema>;
  for (const [name, setting] of Object.entries(settings)) {
    // The same sections may stand at the top and under config; saying it once keeps the file small.
    if (properties[name] !== undefined && isDeepStrictEqual(withoutDescription(properties[name]), withoutDescription(setting))) settings[name] = { $ref: `#/properties/${name}` };
  }
  const head = { $schema, $id: 'https://unpkg.com/@cortex-runtime/manifest/agent.schema.json', title: 'Cortex agent manifest' };
  return JSON.parse(JSON.stringify({ ...head, ...schema })) as Schema;
}

const reference = { type: 'string', pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}' };
const resolvedAtLoad = new Set(['number', 'integer', 'boolean']);

/** Lets `${NAME}` stand where a number, a boolean or a word of a fixed set is expected, as the loader does. */
function allowReferences(schema: Schema): Schema {
  const result: Schema = {};
  for (const [key, value] of Object.entries(schema)) result[key] = dataKeywords.has(key) ? value : rewrite(key, value);
  const isScalar = resolvedAtLoad.has(String(schema['type'])) || Array.isArray(schema['enum']);
  if (!isScalar) return result;
  const { description, default: fallback, ...rest } = result;
  return { ...(description === undefined ? {} : { description }), ...(fallback === undefined ? {} : { default: fallback }), anyOf: [rest, reference] };
}

const dataKeywords = new Set(['default', 'enum', 'const', 'required', 'propertyNames']);

function rewrite(keyword: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => (isSchema(item) ? allowReferences(item) : item));
  if (!isSchema(value)) return value;
  if (keyword === 'properties') return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, isSchema(item) ? allowReferences(item) : item]));
  return allowReferences(value);
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutDescription(schema: Schema | undefined): Schema {
  const { description: _, ...rest } = schema ?? {};
  return rest;
}
