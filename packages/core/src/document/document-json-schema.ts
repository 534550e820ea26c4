import { z } from 'zod';

import { definitionOf, documentFieldName, durationMeta, type AnySchema } from './field-name.ts';
import { toDocument } from './to-document.ts';

/** JSON Schema 2020-12 of the document form: what an editor or another language validates against. */
export function documentJsonSchema(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => rewrite(zodSchema, jsonSchema as Record<string, unknown>),
  }) as Record<string, unknown>;
}

function rewrite(schema: AnySchema, json: Record<string, unknown>): void {
  const def = definitionOf(schema) as ReturnType<typeof definitionOf> & { defaultValue?: unknown; innerType?: AnySchema };
  const meta = durationMeta(schema);
  if (meta !== undefined && json['type'] === 'number') {
    const { type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, default: fallback, ...rest } = json;
    for (const key of Object.keys(json)) delete json[key];
    const scale = { ms: 1, s: 1_000, h: 3_600_000 }[meta.unit];
    const bound = (name: string, value: unknown) => (typeof value === 'number' ? { [name]: value / scale } : {});
    Object.assign(json, rest, fallback === undefined ? {} : { default: toDocument(schema as z.ZodType, fallback) }, {
      anyOf: [
        { type, ...bound('minimum', minimum), ...bound('maximum', maximum), ...bound('exclusiveMinimum', exclusiveMinimum), ...bound('exclusiveMaximum', exclusiveMaximum) },
        { type: 'string', pattern: '^\\s*(\\d+(\\.\\d+)?|(\\d+(\\.\\d+)?(ms|s|m|h|d))+)\\s*$' },
      ],
    });
  }
  if (def.type === 'default' && def.innerType !== undefined) json['default'] = toDocument(def.innerType as z.ZodType, def.defaultValue);
  if (def.type === 'object' && def.shape !== undefined && isRecord(json['properties'])) {
    const renamed: Record<string, unknown> = {};
    const names = new Map(Object.entries(def.shape).map(([key, field]) => [key, documentFieldName(key, field)]));
    for (const [key, value] of Object.entries(json['properties'])) renamed[names.get(key) ?? key] = value;
    json['properties'] = renamed;
    if (Array.isArray(json['required'])) json['required'] = json['required'].map((key) => names.get(String(key)) ?? String(key));
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
