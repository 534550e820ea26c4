import { InvalidInputError } from './errors.ts';

/** What JSON can hold. Everything that a journal, a checkpoint or a wire carries is one of these. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

/**
 * Refuses what JSON would alter in silence: NaN and infinities, -0, BigInt, functions, symbols, Dates and other class instances,
 * `undefined` inside arrays, lone surrogates, cycles, and more than `maxDepth` levels. A property whose value is `undefined` is treated as absent.
 *
 * @throws InvalidInputError with the dotted path of the first offending value
 */
export function assertJsonValue(value: unknown, field = 'value', maxDepth = 200): asserts value is JsonValue {
  check(value, field, maxDepth, []);
}

function check(value: unknown, path: string, depthLeft: number, ancestors: object[]): void {
  switch (typeof value) {
    case 'string':
      if (!isWellFormed(value)) refuse(path, 'holds a lone surrogate, which UTF-8 can not carry');
      return;
    case 'boolean':
      return;
    case 'number':
      if (!Number.isFinite(value)) refuse(path, `is ${String(value)}, which JSON would turn into null`);
      if (Object.is(value, -0)) refuse(path, 'is -0, which JSON would turn into 0');
      return;
    case 'object':
      break;
    default:
      refuse(path, `is a ${typeof value}, which JSON can not hold`);
  }
  if (value === null) return;
  if (depthLeft === 0) refuse(path, 'is nested too deeply');
  if (ancestors.includes(value as object)) refuse(path, 'is a cycle');
  ancestors.push(value as object);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) check(value[index], `${path}[${index}]`, depthLeft - 1, ancestors);
  } else {
    const prototype = Object.getPrototypeOf(value) as unknown;
    if (prototype !== Object.prototype && prototype !== null) {
      refuse(path, `is a ${(value as object).constructor.name || 'class instance'}; convert it to plain JSON first`);
    }
    for (const [key, item] of Object.entries(value as object)) {
      if (!isWellFormed(key)) refuse(path, 'has a key with a lone surrogate');
      if (item !== undefined) check(item, `${path}.${key}`, depthLeft - 1, ancestors);
    }
  }
  ancestors.pop();
}

function isWellFormed(text: string): boolean {
  return text.isWellFormed();
}

function refuse(path: string, problem: string): never {
  throw new InvalidInputError(path, problem);
}
