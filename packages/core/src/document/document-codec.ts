import type { z } from 'zod';

import { definitionOf, documentFields, durationMeta, isPlainObject, unwrap, type AnySchema } from './field-name.ts';
import { parseDocument } from './parse-document.ts';
import { toDocument } from './to-document.ts';

/** Reads and writes documents of one schema, many of them a second. */
export interface DocumentCodec<S extends z.ZodType> {
  /** As `parseDocument`. @throws DocumentError with every issue, when it does not fit */
  read(raw: unknown, what?: string): z.output<S>;
  /** As `schema.parse`: a complete value of what a caller gives. @throws the schema's error */
  complete(value: z.input<S>): z.output<S>;
  /** As `toDocument`, without what is as good as absent: null, an empty text, list or map, and false. */
  writeCompact(value: z.output<S>): Record<string, unknown>;
  /** The same as JSON text. */
  writeText(value: z.output<S>): string;
}

/** What a schema does not say of its fields, by their keys. */
export interface DocumentCodecOptions {
  /** Values that are as good as absent besides those that are so everywhere: what every reader takes for granted. */
  implied?: Readonly<Record<string, unknown>>;
  /** Fields whose `false` says something that their absence does not. */
  saysFalse?: readonly string[];
}

/** Whether a value is plainly what a field takes; with false the schema has the word. */
type QuickCheck = (value: unknown) => boolean;

interface FieldPlan {
  key: string;
  name: string;
  schema: z.ZodType;
  check: QuickCheck;
  isNullable: boolean;
  isRequired: boolean;
  /** As good as absent, besides what is so everywhere. */
  implied: unknown;
  saysFalse: boolean;
  /** The name as a text of JSON, with its colon and the comma before it. */
  jsonName: string;
  /** Makes the value of what is left out; undefined for a field that has to be there, or may stay away. */
  absent: (() => unknown) | undefined;
}

/**
 * A codec for messages between processes, whose schema is a `looseObject`: keys of other versions are passed over.
 *
 * What each field takes is worked out once from its schema. Where nothing below the first level is called differently in documents, a document is read with one look at
 * each field; other schemas, and values that need a closer look, take the way of `parseDocument`.
 */
export function documentCodec<S extends z.ZodType>(schema: S, options: DocumentCodecOptions = {}): DocumentCodec<S> {
  const { type, shape, catchall } = definitionOf(unwrap(schema));
  const isLoose = type === 'object' && shape !== undefined && catchall !== undefined && definitionOf(catchall).type !== 'never';
  if (!isLoose || Object.values(shape).some(isCalledDifferently)) {
    if (options.implied !== undefined || options.saysFalse !== undefined) throw new TypeError('options are for schemas of which nothing below the first level is called differently');
    const writeCompact = (value: z.output<S>) => compact(toDocument(schema, value) as Record<string, unknown>);
    return { read: (raw, what) => parseDocument(schema, raw, what), complete: (value) => schema.parse(value), writeCompact, writeText: (value) => JSON.stringify(writeCompact(value)) };
  }
  const plan = [...documentFields(shape)].map(([name, field]) => planOf(name, field.key, field.schema as z.ZodType, options));
  const byName = new Map(plan.map((field) => [field.name, field]));
  const byKey = new Map(plan.map((field) => [field.key, field]));
  const empty = emptyOf(plan);
  const required = plan.filter(({ isRequired }) => isRequired).map(({ key }) => key);
  /** Undefined when something does not fit. */
  const quickly = (given: Record<string, unknown>, fields: ReadonlyMap<string, FieldPlan>): Record<string, unknown> | undefined => {
    const read = empty();
    for (const name in given) {
      const value = given[name];
      const field = fields.get(name);
      if (field === undefined || value === undefined) continue;
      if (field.check(value) || (value === null && field.isNullable)) {
        read[field.key] = value;
        continue;
      }
      const parsed = field.schema.safeParse(value);
      if (!parsed.success) return undefined;
      read[field.key] = parsed.data;
    }
    for (const key of required) if (read[key] === undefined) return undefined;
    return read;
  };
  return {
    read: (raw, what) => ((isPlainObject(raw) ? quickly(raw, byName) : undefined) ?? parseDocument(schema, raw, what)) as z.output<S>,
    complete: (value) => ((isPlainObject(value) ? quickly(value, byKey) : undefined) ?? schema.parse(value)) as z.output<S>,
    writeCompact(value) {
      const document: Record<string, unknown> = {};
      const from = value as Record<string, unknown>;
      for (const field of plan) {
        const item = from[field.key];
        if (isWritten(field, item)) document[field.name] = item;
      }
      return document;
    },
    writeText(value) {
      // Put together field by field: half the time of making the document first.
      let text = '';
      const from = value as Record<string, unknown>;
      for (const field of plan) {
        const item = from[field.key];
        if (!isWritten(field, item)) continue;
        const written = JSON.stringify(item) as string | undefined;
        if (written !== undefined) text += field.jsonName + written;
      }
      return text === '' ? '{}' : `{${text.slice(1)}}`;
    },
  };
}

function isWritten({ implied, saysFalse }: FieldPlan, item: unknown): boolean {
  if (saysFalse && item === false) return true;
  return !isAbsent(item) && (implied === undefined || item !== implied);
}

function planOf(name: string, key: string, schema: z.ZodType, { implied, saysFalse }: DocumentCodecOptions): FieldPlan {
  const def = schema._zod.def as { type: string; innerType?: AnySchema };
  let isNullable = false;
  for (let inner: AnySchema | undefined = schema; inner !== undefined; inner = (inner._zod.def as { innerType?: AnySchema }).innerType) {
    if (definitionOf(inner).type === 'nullable') isNullable = true;
  }
  const absent = def.type === 'default' ? () => schema.parse(undefined) : undefined;
  const writing = { implied: implied?.[key], saysFalse: saysFalse?.includes(key) === true, jsonName: `,${JSON.stringify(name)}:` };
  return { ...writing, name, key, schema, check: quickCheckOf(unwrap(schema)), isNullable, isRequired: !schema.safeParse(undefined).success, absent };
}

/** Makes values in which nothing is given yet, all of one shape. Lists and maps are new each time. */
function emptyOf(plan: readonly FieldPlan[]): () => Record<string, unknown> {
  const examples: Record<string, unknown> = {};
  const fresh: [key: string, make: () => unknown][] = [];
  for (const { key, absent, isRequired } of plan) {
    if (absent === undefined && !isRequired) continue;
    const example = absent?.();
    examples[key] = typeof example === 'object' ? null : (example ?? null);
    if (absent === undefined) fresh.push([key, () => undefined]);
    else if (typeof example !== 'object' || example === null) continue;
    else if (Array.isArray(example) && example.length === 0) fresh.push([key, () => []]);
    else if (isPlainObject(example) && Object.keys(example).length === 0) fresh.push([key, () => ({})]);
    else fresh.push([key, absent]);
  }
  // V8 makes a hash table of an object that is given many fields one by one, and every copy of it costs a hundred times as much; what it parses stays a record.
  const template = JSON.parse(JSON.stringify(examples)) as Record<string, unknown>;
  return () => {
    const value = { ...template };
    for (const [key, make] of fresh) value[key] = make();
    return value;
  };
}

function quickCheckOf(schema: AnySchema): QuickCheck {
  const def = schema._zod.def as { type: string; checks?: readonly unknown[]; entries?: Record<string, unknown>; element?: AnySchema; valueType?: AnySchema };
  if ((def.checks?.length ?? 0) > 0) {
    const lengths = def.type === 'string' ? lengthsOf(def.checks ?? []) : undefined;
    return lengths === undefined ? () => false : (value) => typeof value === 'string' && value.length >= lengths.least && value.length <= lengths.most;
  }
  switch (def.type) {
    case 'string':
      return (value) => typeof value === 'string';
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'number':
      return (value) => typeof value === 'number' && Number.isFinite(value);
    case 'enum': {
      const values = new Set(Object.values(def.entries ?? {}));
      return (value) => values.has(value);
    }
    case 'array': {
      const check = def.element === undefined ? () => false : quickCheckOf(unwrap(def.element));
      return (value) => Array.isArray(value) && value.every((item) => check(item));
    }
    case 'record':
      // Keys and values of an empty map need no look.
      return (value) => isPlainObject(value) && isAbsent(value);
    default:
      return () => false;
  }
}

/** The bounds of a text of which nothing else is asked. */
function lengthsOf(checks: readonly unknown[]): { least: number; most: number } | undefined {
  const lengths = { least: 0, most: Number.POSITIVE_INFINITY };
  for (const each of checks) {
    const { check, minimum, maximum } = (each as { _zod: { def: { check: string; minimum?: number; maximum?: number } } })._zod.def;
    if (check === 'min_length' && minimum !== undefined) lengths.least = Math.max(lengths.least, minimum);
    else if (check === 'max_length' && maximum !== undefined) lengths.most = Math.min(lengths.most, maximum);
    else return undefined;
  }
  return lengths;
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
