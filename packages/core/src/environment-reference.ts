import { formatPath } from './document/document-error.ts';
import { isPlainObject, setOwn } from './document/field-name.ts';
import { CortexError } from './errors.ts';

/** Where the values of references come from: a map, or an object such as the environment of the process. Only own properties count. */
export type Environment = ReadonlyMap<string, string> | Readonly<Record<string, string | undefined>>;

/** `${NAME}` or `${NAME:-default}` in a text. */
export interface EnvironmentReference {
  name: string;
  /** Used when the variable is not set or empty. */
  fallback?: string;
  /** Offset of the `$`. */
  start: number;
  /** Offset behind the `}`. */
  end: number;
}

/** A document refers to an environment variable that is not set and has no default. */
export class EnvironmentVariableNotFoundError extends CortexError {
  readonly code = 'ENVIRONMENT_VARIABLE_NOT_FOUND';
  readonly variable: string;
  /** Dotted path of the text that refers to it. */
  readonly path: string;

  constructor(variable: string, path: string, options?: ErrorOptions) {
    super(`${path}: the environment variable ${variable} is not set; set it, or write a default as \${${variable}:-value}`, options);
    this.variable = variable;
    this.path = path;
  }
}

/**
 * The references in a text, in order. `$${` is an escaped `${`; a `${` that is not followed by a name and a `}` is plain text.
 *
 * Linear in the length of the text, whatever it holds.
 */
export function findReferences(text: string): EnvironmentReference[] {
  return [...pieces(text)].filter((piece) => typeof piece === 'object');
}

/** Whether a text holds at least one reference. */
export function hasReferences(text: string): boolean {
  if (!text.includes('${')) return false;
  for (const piece of pieces(text)) if (typeof piece === 'object') return true;
  return false;
}

/**
 * The text with every reference replaced by its value and every `$${` by `${`. Values are not searched for references again.
 *
 * @param path - dotted path of the text, for the error
 * @throws EnvironmentVariableNotFoundError for a variable that is neither set nor has a default
 */
export function resolveReferences(text: string, environment: Environment, path = 'value'): string {
  if (!text.includes('${')) return text;
  let result = '';
  for (const piece of pieces(text)) {
    if (typeof piece === 'string') result += piece;
    else {
      const value = lookUp(environment, piece.name);
      if (piece.fallback !== undefined) result += value === undefined || value === '' ? piece.fallback : value;
      else if (value === undefined) throw new EnvironmentVariableNotFoundError(piece.name, path);
      else result += value;
    }
  }
  return result;
}

/**
 * A copy of a document, or of a part of it, with the references in all of its texts resolved. Keys are left alone, as is everything that is no text.
 *
 * @param path - where the part stands in its document, for the error
 * @throws EnvironmentVariableNotFoundError with the dotted path of the first text that can not be resolved
 */
export function resolveDocument<T>(value: T, environment: Environment, path: readonly (string | number)[] = []): T {
  return resolveDeep(value, environment, path) as T;
}

function resolveDeep(value: unknown, environment: Environment, path: readonly (string | number)[]): unknown {
  if (typeof value === 'string') return value.includes('${') ? resolveReferences(value, environment, formatPath(path)) : value;
  if (Array.isArray(value)) return value.map((item, index) => resolveDeep(item, environment, [...path, index]));
  if (!isPlainObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) setOwn(result, key, resolveDeep(item, environment, [...path, key]));
  return result;
}

/** Plain text and references in turn; the escape is already undone in the plain text. */
function* pieces(text: string): Generator<string | EnvironmentReference> {
  let from = 0;
  let at = text.indexOf('${');
  let close = at;
  while (at !== -1) {
    if (at > from && text[at - 1] === '$') {
      yield `${text.slice(from, at - 1)}\${`;
      from = at + 2;
    } else {
      name.lastIndex = at + 2;
      const found = name.exec(text);
      if (found !== null) {
        const afterName = name.lastIndex;
        const hasFallback = text.startsWith(':-', afterName);
        if (hasFallback && close < afterName && close !== -1) close = text.indexOf('}', afterName);
        const end = text[afterName] === '}' ? afterName : hasFallback && close >= afterName ? close : -1;
        if (end !== -1) {
          if (at > from) yield text.slice(from, at);
          const reference = { name: found[0], start: at, end: end + 1 };
          yield hasFallback ? { ...reference, fallback: text.slice(afterName + 2, end) } : reference;
          from = end + 1;
        }
      }
    }
    at = text.indexOf('${', Math.max(from, at + 2));
  }
  if (from < text.length) yield text.slice(from);
}

const name = /[A-Za-z_][A-Za-z0-9_]*/y;

function lookUp(environment: Environment, variable: string): string | undefined {
  if (environment instanceof Map) return (environment as ReadonlyMap<string, string>).get(variable);
  const record = environment as Readonly<Record<string, string | undefined>>;
  return Object.hasOwn(record, variable) ? record[variable] : undefined;
}
