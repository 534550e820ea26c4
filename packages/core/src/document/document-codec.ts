import type { z } from 'zod';

import { definitionOf, documentFields, durationMeta, isPlainObject, unwrap, type AnySchema } from './field-name.ts';
import { parseDocument } from './parse-document.ts';
import { toDocument } from './to-document.ts';

/** Reads and writes documents of one schema, many of them a second. */
export interface DocumentCodec<S extends z.ZodType> {
  /** As `parseDocument`. @throws DocumentError with every issue, when it does not fit */
  read(raw: unknown, what?: string): z.output<S>;
  /** As `toDocument`, without what is as good as absent: null, an empty text, list or map, and false. */
  writeCompact(value: z.output<S>): Record<string, unknown>;
}

/**
 * A codec for messages between processes, whose schema is a `looseObject`: keys of other versions are passed over.
 *
 * Field names are worked out once. Where nothing below the first level is called differently in documents, a document is read with one look at each field; other
 * schemas, and documents that do not fit, take the way of `parseDocument`.
 */
export function documentCodec<S extends z.ZodType>(schema: S): DocumentCodec<S> {
  const { type, shape, catchall } = definitionOf(unwrap(schema));
  const isLoose = type === 'object' && shape !== undefined && catchall !== undefined && definitionOf(catchall).type !== 'never';
  if (!isLoose || Object.values(shape).some(isCalledDifferently)) {
    return { read: (raw, what) => parseDocument(schema, raw, what), writeCompact: (value) => compact(toDocument(schema, value) as Record<string, unknown>) };
  }
  const fields = [...documentFields(shape)].map(([name, { key }]) => [key, name] as const);
  return {
    read(raw, what) {
      if (!isPlainObject(raw)) return parseDocument(schema, raw, what);
      const translated: Record<string, unknown> = {};
      for (const [key, name] of fields) {
        const value = raw[name];
        if (value !== undefined) translated[key] = value;
      }
      const parsed = schema.safeParse(translated);
      return parsed.success ? parsed.data : parseDocument(schema, raw, what);
    },
    writeCompact(value) {
      const document: Record<string, unknown> = {};
      const from = value as Record<string, unknown>;
      for (const [key, name] of fields) {
        const item = from[key];
        if (!isAbsent(item)) document[name] = item;
      }
      return document;
    },
  };
}

function compact(document: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(document).filter(([, value]) => !isAbsent(value)));
}

function isAbsent(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false) return true;
  if (typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value) return false;
  return true;
}

/** Whether the document form of a value differs from the value: a duration, or a field with another name somewhere in it. */
function isCalledDifferently(schema: AnySchema): boolean {
  if (durationMeta(schema) !== undefined) return true;
  const { type, shape, element, valueType, options } = definitionOf(unwrap(schema));
  switch (type) {
    case 'object':
      return [...documentFields(shape ?? {})].some(([name, field]) => name !== field.key || isCalledDifferently(field.schema));
    case 'array':
      return element !== undefined && isCalledDifferently(element);
    case 'record':
      return valueType !== undefined && isCalledDifferently(valueType);
    case 'union':
      return (options ?? []).some(isCalledDifferently);
    case 'tuple':
    case 'intersection':
      return true;
    default:
      return false;
  }
}
