import { z } from 'zod';

import { parseDurationMs } from '../duration.ts';
import { EnvironmentVariableNotFoundError, hasReferences, resolveReferences, type Environment } from '../environment-reference.ts';
import { nearestName } from '../nearest-name.ts';
import { DocumentError, formatPath, type DocumentIssue } from './document-error.ts';
import { definitionOf, documentFields, durationMeta, isPlainObject, setOwn, unwrap, type AnySchema, type SchemaDefinition } from './field-name.ts';

/** The outcome of reading a document: a complete, valid value, or everything that is wrong with it. */
export type DocumentResult<T> = { ok: true; value: T } | { ok: false; issues: DocumentIssue[] };

export interface ReadDocumentOptions {
  /**
   * Where `${NAME}` references in the place of a number, a boolean, a duration or one of a set of words are looked up: such a value can not
   * stay a reference. References in texts are never touched. Without an environment they are refused like any other text.
   */
  environment?: Environment;
}

/**
 * Reads the snake_case form of a camelCase schema. Unknown keys are refused with the nearest valid one; keys of maps are data and never renamed.
 *
 * @throws DocumentError with every issue, when it does not fit
 */
export function parseDocument<S extends z.ZodType>(schema: S, raw: unknown, what = 'the document', options: ReadDocumentOptions = {}): z.output<S> {
  const result = readDocument(schema, raw, options);
  if (!result.ok) throw new DocumentError(what, result.issues);
  return result.value;
}

/** As {@link parseDocument}, returning the issues. */
export function readDocument<S extends z.ZodType>(schema: S, raw: unknown, options: ReadDocumentOptions = {}): DocumentResult<z.output<S>> {
  const { parsed } = read(schema, raw, options);
  return parsed;
}

/** As {@link readDocument}, giving what was written and nothing else: checked, in camelCase, without the defaults of what was left out. */
export function readDocumentInput<S extends z.ZodType>(schema: S, raw: unknown, options: ReadDocumentOptions = {}): DocumentResult<z.input<S>> {
  const { translated, parsed } = read(schema, raw, options);
  return parsed.ok ? { ok: true, value: translated as z.input<S> } : parsed;
}

function read<S extends z.ZodType>(schema: S, raw: unknown, options: ReadDocumentOptions): { translated: unknown; parsed: DocumentResult<z.output<S>> } {
  const issues: DocumentIssue[] = [];
  const translated = translate(schema, raw, [], { issues, environment: options.environment });
  const parsed = schema.safeParse(translated);
  if (parsed.success && issues.length === 0) return { translated, parsed: { ok: true, value: parsed.data } };
  if (!parsed.success) {
    const reported = new Set(issues.map((issue) => issue.path));
    for (const issue of flatten(parsed.error.issues, schema, translated)) if (!reported.has(issue.path)) issues.push(issue);
  }
  return { translated, parsed: { ok: false, issues } };
}

interface Translation {
  issues: DocumentIssue[];
  environment: Environment | undefined;
}

type Path = readonly (string | number)[];

function report(context: Translation, segments: Path, message: string): void {
  context.issues.push({ segments, path: formatPath(segments), message });
}

function translate(schema: AnySchema, written: unknown, path: Path, context: Translation): unknown {
  const meta = durationMeta(schema);
  const inner = unwrap(schema);
  const def = definitionOf(inner);
  const raw = typeof written === 'string' && (meta !== undefined || scalarTypes.has(def.type)) ? resolveScalar(def.type, written, path, context) : written;
  if (meta !== undefined && (typeof raw === 'string' || typeof raw === 'number')) {
    try {
      return parseDurationMs(raw, meta.unit, formatPath(path));
    } catch (error) {
      report(context, path, (error as Error).message.replace(`${formatPath(path)}: `, ''));
      return 0;
    }
  }
  if (def.type === 'object' && def.shape !== undefined && isPlainObject(raw)) return translateObject(def.shape, def.catchall, raw, path, context);
  if (def.type === 'record' && def.valueType !== undefined && isPlainObject(raw)) {
    const result: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(raw)) {
      if (key === '__proto__') report(context, [...path, key], prototypeKey);
      else setOwn(result, key, translate(def.valueType, value, [...path, key], context));
    }
    return result;
  }
  if (def.type === 'array' && def.element !== undefined && Array.isArray(raw)) {
    const element = def.element;
    return raw.map((item, index) => translate(element, item, [...path, index], context));
  }
  if (def.type === 'union' && def.options !== undefined) return translateUnion(def.options, def.discriminator, raw, path, context);
  return raw;
}

const prototypeKey = 'is not allowed as a key; choose another name';

/** The kinds of schema whose values can not hold a reference. */
const scalarTypes = new Set(['number', 'int', 'boolean', 'enum', 'literal', 'bigint']);

/** The value that a text with references stands for, where something other than text is expected. */
function resolveScalar(type: string, text: string, path: Path, { environment, issues }: Translation): unknown {
  if (environment === undefined || !hasReferences(text)) return text;
  let value: string;
  try {
    value = resolveReferences(text, environment, formatPath(path));
  } catch (error) {
    if (!(error instanceof EnvironmentVariableNotFoundError)) throw error;
    issues.push({ segments: path, path: formatPath(path), message: error.message.slice(error.path.length + 2) });
    return text;
  }
  if (type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value;
  if (type === 'number' || type === 'int') return /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(value) ? Number(value) : value;
  return value;
}

function translateObject(
  shape: Record<string, AnySchema>,
  catchall: AnySchema | undefined,
  raw: Record<string, unknown>,
  path: Path,
  context: Translation,
): Record<string, unknown> {
  const fields = documentFields(shape);
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(raw)) {
    const field = fields.get(name);
    if (field !== undefined) {
      setOwn(result, field.key, translate(field.schema, value, [...path, name], context));
    } else if (name === '__proto__') {
      report(context, [...path, name], prototypeKey);
    } else if (catchall !== undefined && definitionOf(catchall).type !== 'never') {
      setOwn(result, name, value);
    } else {
      const near = nearestName(name, fields.keys());
      const hint = near === undefined ? `valid keys are ${[...fields.keys()].join(', ')}` : `did you mean ${JSON.stringify(near)}?`;
      const segments = [...path, name];
      context.issues.push({ segments, path: formatPath(segments), message: `unknown key; ${hint}`, unknownKey: true });
    }
  }
  return result;
}

function translateUnion(options: readonly AnySchema[], discriminator: string | undefined, raw: unknown, path: Path, context: Translation): unknown {
  let fallback: { value: unknown; issues: DocumentIssue[] } | undefined;
  if (typeof raw === 'string' && context.environment !== undefined && options.some((option) => z.safeParse(option, raw).success)) return raw;
  for (const option of options) {
    const found: DocumentIssue[] = [];
    const value = translate(option, raw, path, { ...context, issues: found });
    const fits = z.safeParse(option, value).success;
    if (fits && found.length === 0) return value;
    const chosen = discriminator !== undefined && isPlainObject(raw) && discriminatorFits(option, discriminator, raw);
    if (chosen || (fallback === undefined && (isPlainObject(raw) ? definitionOf(unwrap(option)).type === 'object' : true))) fallback = { value, issues: found };
    if (chosen) break;
  }
  if (fallback === undefined) return raw;
  context.issues.push(...fallback.issues);
  return fallback.value;
}

function discriminatorFits(option: AnySchema, discriminator: string, raw: Record<string, unknown>): boolean {
  const field = definitionOf(unwrap(option)).shape?.[discriminator];
  return field !== undefined && z.safeParse(field, raw[discriminator]).success;
}

function flatten(issues: readonly z.core.$ZodIssue[], schema: AnySchema, value: unknown): DocumentIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const deepest = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0] ?? [];
      const deeper = deepest.filter((inner) => inner.path.length > 0);
      if (deeper.length > 0) return flatten(deeper.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })), schema, value);
    }
    if (issue.code === 'unrecognized_keys') return [];
    const segments = documentSegments(schema, issue.path);
    const met = shapeOf(at(value, issue.path));
    return [{ segments, path: formatPath(segments), message: `${sentence(issue.message)}, got ${met}` }];
  });
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

/** Turns the camelCase path of a zod issue into the document's own. */
export function documentSegments(schema: AnySchema, path: readonly PropertyKey[]): (string | number)[] {
  const segments: (string | number)[] = [];
  let current: AnySchema | undefined = schema;
  for (const segment of path) {
    const def: SchemaDefinition | undefined = current === undefined ? undefined : definitionOf(unwrap(current));
    let next: AnySchema | undefined;
    let name = typeof segment === 'number' ? segment : String(segment);
    if (def?.shape !== undefined) {
      next = def.shape[String(segment)];
      for (const [documentName, field] of documentFields(def.shape)) if (field.key === segment) name = documentName;
    } else if (def?.type === 'union') {
      const option = def.options?.find((candidate: AnySchema) => definitionOf(unwrap(candidate)).shape?.[String(segment)] !== undefined);
      if (option !== undefined) {
        const shape = definitionOf(unwrap(option)).shape ?? {};
        next = shape[String(segment)];
        for (const [documentName, field] of documentFields(shape)) if (field.key === segment) name = documentName;
      }
    } else next = def?.element ?? def?.valueType;
    segments.push(name);
    current = next;
  }
  return segments;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const segment of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<PropertyKey, unknown>)[segment];
  }
  return current;
}

/** What a value looks like, without giving it away: secrets can stand in documents. */
export function shapeOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'string') return value.length <= 40 && /^[\w .:/*-]*$/.test(value) ? JSON.stringify(value) : `text of ${value.length} characters`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return `a map with ${Object.keys(value).length} keys`;
  return String(value);
}

function sentence(message: string): string {
  return message.replace(/^Invalid input: /, '').replace(/, received .*$/, '').replace(/\.$/, '');
}
