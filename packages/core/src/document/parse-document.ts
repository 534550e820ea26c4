import { z } from 'zod';

import { parseDurationMs } from '../duration.ts';
import { EnvironmentVariableNotFoundError, hasReferences, resolveReferences, type Environment } from '../environment-reference.ts';
import { nearestName } from '../nearest-name.ts';
import { DocumentError, formatPath, type DocumentIssue } from './document-error.ts';
import { definitionOf, documentFields, documentNames, durationMeta, isPlainObject, setOwn, unwrap, type AnySchema, type SchemaDefinition } from './field-name.ts';

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

/** As {@link parseDocument}, returning the issues; at most a hundred of them. */
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
  const context: Translation = { issues, environment: options.environment, meant: new Set(), chosen: new Map() };
  const translated = translate(schema, raw, [], context);
  const parsed = schema.safeParse(translated);
  if (parsed.success && issues.length === 0) return { translated, parsed: { ok: true, value: parsed.data } };
  if (!parsed.success) {
    const reported = new Set(issues.map((issue) => issue.path));
    const found = flatten(parsed.error.issues.slice(0, maxIssues), schema, translated, context);
    issues.push(...found.filter(({ path }) => !reported.has(path)).slice(0, maxIssues - issues.length));
  }
  // What is no plain map (an object with a prototype of its own) is not looked into, and zod's word about its keys would be about other names.
  if (issues.length === 0) issues.push({ segments: [], path: formatPath([]), message: `must be a plain map, got ${shapeOf(raw)}` });
  return { translated, parsed: { ok: false, issues } };
}

/** More than these are not collected: nobody reads them, and a hostile document should not buy time with them. */
const maxIssues = 100;

interface Translation {
  issues: DocumentIssue[];
  environment: Environment | undefined;
  /** Paths of fields that an unknown key probably meant; that they are missing needs no second message. */
  meant: Set<string>;
  /** By path: which option of a union a value that fits none was held against. */
  chosen: Map<string, number>;
}

type Path = readonly (string | number)[];

function report(context: Translation, segments: Path, message: string): void {
  if (context.issues.length < maxIssues) context.issues.push({ segments, path: formatPath(segments), message });
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
    } else if (context.issues.length < maxIssues) {
      const near = nearestName(name, fields.keys());
      const hint = near === undefined ? `valid keys are ${[...fields.keys()].join(', ')}` : `did you mean ${JSON.stringify(near)}?`;
      const segments = [...path, name];
      if (near !== undefined) context.meant.add(formatPath([...path, near]));
      context.issues.push({ segments, path: formatPath(segments), message: `unknown key; ${hint}`, unknownKey: true });
    }
  }
  return result;
}

function translateUnion(options: readonly AnySchema[], discriminator: string | undefined, raw: unknown, path: Path, context: Translation): unknown {
  if (typeof raw === 'string' && context.environment !== undefined && options.some((option) => z.safeParse(option, raw).success)) return raw;
  let nearest: { value: unknown; attempt: Translation; misfits: number; index: number } | undefined;
  for (const [index, option] of options.entries()) {
    const attempt: Translation = { ...context, issues: [], meant: new Set(), chosen: new Map() };
    const value = translate(option, raw, path, attempt);
    const parsed = z.safeParse(option, value);
    if (parsed.success && attempt.issues.length === 0) return value;
    const isNamed = discriminator !== undefined && isPlainObject(raw) && discriminatorFits(option, discriminator, raw);
    const isOfOneKind = isPlainObject(raw) === (definitionOf(unwrap(option)).type === 'object');
    const misfits = isNamed ? -1 : attempt.issues.length + (parsed.success ? 0 : parsed.error.issues.length) + (isOfOneKind ? 0 : 1_000);
    if (nearest === undefined || misfits < nearest.misfits) nearest = { value, attempt, misfits, index };
  }
  if (nearest === undefined) return raw;
  context.issues.push(...nearest.attempt.issues);
  for (const field of nearest.attempt.meant) context.meant.add(field);
  for (const [place, index] of nearest.attempt.chosen) context.chosen.set(place, index);
  context.chosen.set(formatPath(path), nearest.index);
  return nearest.value;
}

function discriminatorFits(option: AnySchema, discriminator: string, raw: Record<string, unknown>): boolean {
  const field = definitionOf(unwrap(option)).shape?.[discriminator];
  return field !== undefined && z.safeParse(field, raw[discriminator]).success;
}

function flatten(issues: readonly z.core.$ZodIssue[], schema: AnySchema, value: unknown, context: Translation): DocumentIssue[] {
  return issues.flatMap((issue) => {
    const segments = documentSegments(schema, issue.path);
    const path = formatPath(segments);
    if (issue.code === 'invalid_union') {
      const inner = issue.errors[context.chosen.get(path) ?? 0] ?? [];
      if (inner.some((each) => each.path.length > 0)) return flatten(inner.map((each) => ({ ...each, path: [...issue.path, ...each.path] })), schema, value, context);
    }
    if (issue.code === 'unrecognized_keys') return [];
    if (issue.code === 'invalid_key') return [{ segments, path, message: `the name ${issue.issues.map((each) => sentence(each.message)).join(', and ')}` }];
    const met = at(value, issue.path);
    if (met === undefined && context.meant.has(path)) return [];
    const alternatives = issue.code === 'invalid_union' ? issue.errors.flat().map((each) => sentence(each.message)) : [];
    const message = alternatives.length === 0 ? sentence(issue.message) : [...new Set(alternatives)].join(', or ');
    return [{ segments, path, message: `${message}, got ${shapeOf(met)}` }];
  });
}

/** Turns the camelCase path of a zod issue into the document's own. */
function documentSegments(schema: AnySchema, path: readonly PropertyKey[]): (string | number)[] {
  const segments: (string | number)[] = [];
  let current: AnySchema | undefined = schema;
  for (const segment of path) {
    const def: SchemaDefinition | undefined = current === undefined ? undefined : definitionOf(unwrap(current));
    let next: AnySchema | undefined;
    let name = typeof segment === 'number' ? segment : String(segment);
    if (def?.shape !== undefined) {
      next = def.shape[String(segment)];
      name = documentNames(def.shape).get(String(segment)) ?? name;
    } else if (def?.type === 'union') {
      const option = def.options?.find((candidate: AnySchema) => definitionOf(unwrap(candidate)).shape?.[String(segment)] !== undefined);
      if (option !== undefined) {
        const shape = definitionOf(unwrap(option)).shape ?? {};
        next = shape[String(segment)];
        name = documentNames(shape).get(String(segment)) ?? name;
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
