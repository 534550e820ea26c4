import type { z } from 'zod';

import { durationInUnit } from '../duration.ts';
import { definitionOf, documentNames, durationMeta, isPlainObject, setOwn, unwrap, type AnySchema } from './field-name.ts';

/** The snake_case form of a value that a camelCase schema describes; the inverse of `parseDocument`. Properties that are undefined are left out. */
export function toDocument(schema: z.ZodType, value: unknown): unknown {
  return convert(schema, value);
}

function convert(schema: AnySchema, value: unknown): unknown {
  const meta = durationMeta(schema);
  if (meta !== undefined && typeof value === 'number') return durationInUnit(value, meta.unit);
  const def = definitionOf(unwrap(schema));
  if (def.type === 'object' && def.shape !== undefined && isPlainObject(value)) {
    const names = documentNames(def.shape);
    const result: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      const name = names.get(key);
      const field = def.shape[key];
      if (name === undefined || field === undefined) setOwn(result, key, item);
      else setOwn(result, name, convert(field, item));
    }
    return result;
  }
  if (def.type === 'record' && def.valueType !== undefined && isPlainObject(value)) {
    const result: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) if (item !== undefined) setOwn(result, key, convert(def.valueType, item));
    return result;
  }
  if (def.type === 'array' && def.element !== undefined && Array.isArray(value)) {
    const element = def.element;
    return value.map((item) => convert(element, item));
  }
  if (def.type === 'union' && def.options !== undefined) {
    const option = def.options.find((candidate) => (candidate as z.ZodType).safeParse(value).success);
    return option === undefined ? value : convert(option, value);
  }
  return value;
}
