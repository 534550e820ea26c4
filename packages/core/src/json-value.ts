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
  check(value, { field, maxDepth, path: [], ancestors: [] });
}

/** Where the walk stands; the path is turned into text only when something is refused, as this runs for every entry of a journal. */
interface Walk {
  field: string;
  maxDepth: number;
  path: (string | number)[];
  ancestors: object[];
}

function check(value: unknown, walk: Walk): void {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) refuse(walk, 'holds a lone surrogate, which UTF-8 can not carry');
      return;
    case 'boolean':
      return;
    case 'number':
      if (!Number.isFinite(value)) refuse(walk, `is ${String(value)}, which JSON would turn into null`);
      if (Object.is(value, -0)) refuse(walk, 'is -0, which JSON would turn into 0');
      return;
    case 'object':
      break;
    default:
      refuse(walk, `is a ${typeof value}, which JSON can not hold`);
  }
  if (value === null) return;
  if (walk.ancestors.length >= walk.maxDepth) refuse(walk, 'is nested too deeply');
  if (walk.ancestors.includes(value as object)) refuse(walk, 'is a cycle');
  walk.ancestors.push(value as object);
  if (Array.isArray(value)) checkItems(value, walk);
  else checkProperties(value as object, walk);
  walk.ancestors.pop();
}

function checkItems(items: readonly unknown[], walk: Walk): void {
  for (let index = 0; index < items.length; index += 1) {
    walk.path.push(index);
    check(items[index], walk);
    walk.path.pop();
  }
}

function checkProperties(value: object, walk: Walk): void {
  const prototype = Object.getPrototypeOf(value) as unknown;
  if (prototype !== Object.prototype && prototype !== null) {
    refuse(walk, `is a ${value.constructor.name || 'class instance'}; convert it to plain JSON first`);
  }
  for (const [key, item] of Object.entries(value)) {
    if (!key.isWellFormed()) refuse(walk, 'has a key with a lone surrogate');
    if (item === undefined) continue;
    walk.path.push(key);
    check(item, walk);
    walk.path.pop();
  }
}

function refuse({ field, path }: Walk, problem: string): never {
  const place = path.reduce<string>((text, segment) => (typeof segment === 'number' ? `${text}[${segment}]` : `${text}.${segment}`), field);
  throw new InvalidInputError(place, problem);
}
