import type { JsonObject, JsonValue } from '@cortex-runtime/core';

/** Why an expression has no answer for an event; it counts as no match. */
export class FilterEvaluationError extends Error {
  override readonly name = 'FilterEvaluationError';
}

/** A tuple or a set written in an expression; lists are plain arrays, as in payloads. */
export class FilterCollection {
  readonly shape: 'tuple' | 'set';
  readonly items: readonly FilterValue[];

  constructor(shape: 'tuple' | 'set', items: readonly FilterValue[]) {
    this.shape = shape;
    this.items = items;
  }
}

export type FilterValue = JsonValue | FilterCollection;

/** What is left of the work that an evaluation may do. */
export interface Fuel {
  left: number;
  /** Sizes of the maps that were counted: counting is slow for large ones. */
  readonly sizes: WeakMap<object, number>;
}

/** @throws FilterEvaluationError when there is less left */
export function burn(fuel: Fuel, amount: number): void {
  fuel.left -= amount;
  if (fuel.left < 0) throw new FilterEvaluationError('is too much work for this event');
}

export function isMap(value: FilterValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof FilterCollection);
}

/** Python's truth: None, False, 0 and whatever is empty are false. */
export function isTrue(value: FilterValue, fuel: Fuel): boolean {
  if (value === null || value === false || value === 0 || value === '') return false;
  if (value instanceof FilterCollection) return value.items.length > 0;
  if (Array.isArray(value)) return value.length > 0;
  return isMap(value) ? sizeOf(value, fuel) > 0 : true;
}

/** Keys of a map. */
export function sizeOf(map: JsonObject, fuel: Fuel): number {
  let size = fuel.sizes.get(map);
  if (size === undefined) {
    size = Object.keys(map).length;
    fuel.sizes.set(map, size);
    burn(fuel, size * keyWork);
  }
  return size;
}

/** Reaching a value by its key costs this many times what reaching one of a list does. */
const keyWork = 8;

/** Python's `==`: by value, True equals 1, values of different kinds are never equal. */
export function sameValue(a: FilterValue, b: FilterValue, fuel: Fuel): boolean {
  burn(fuel, 1);
  const left = typeof a === 'boolean' ? Number(a) : a;
  const right = typeof b === 'boolean' ? Number(b) : b;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return left === right;
  if (left instanceof FilterCollection || right instanceof FilterCollection) {
    if (!(left instanceof FilterCollection && right instanceof FilterCollection) || left.shape !== right.shape) return false;
    if (left.shape === 'tuple') return sameItems(left.items, right.items, fuel);
    const isSubset = (inner: FilterCollection, outer: FilterCollection) => inner.items.every((item) => outer.items.some((other) => sameValue(item, other, fuel)));
    return isSubset(left, right) && isSubset(right, left);
  }
  if (Array.isArray(left) || Array.isArray(right)) return Array.isArray(left) && Array.isArray(right) && sameItems(left, right, fuel);
  const first = left as JsonObject;
  const second = right as JsonObject;
  if (sizeOf(first, fuel) !== sizeOf(second, fuel)) return false;
  const keys = Object.keys(first);
  burn(fuel, keys.length * keyWork);
  return keys.every((key) => Object.hasOwn(second, key) && sameValue(first[key] ?? null, second[key] ?? null, fuel));
}

function sameItems(a: readonly FilterValue[], b: readonly FilterValue[], fuel: Fuel): boolean {
  return a.length === b.length && a.every((item, index) => sameValue(item, b[index] ?? null, fuel));
}

/** Negative, zero or positive. Numbers with numbers, texts with texts by code point, lists with lists; everything else has no order. */
export function compareOrder(a: FilterValue, b: FilterValue, fuel: Fuel): number {
  burn(fuel, 1);
  if (isNumeric(a) && isNumeric(b)) return Number(a) - Number(b);
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b, fuel);
  const left = itemsInOrder(a);
  const right = itemsInOrder(b);
  if (left === undefined || right === undefined || Array.isArray(a) !== Array.isArray(b)) throw new FilterEvaluationError(`${describe(a)} and ${describe(b)} have no order`);
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const [one = null, other = null] = [left[at], right[at]];
    if (!sameValue(one, other, fuel)) return compareOrder(one, other, fuel);
  }
  return left.length - right.length;
}

function isNumeric(value: FilterValue): boolean {
  return typeof value === 'number' || typeof value === 'boolean';
}

function itemsInOrder(value: FilterValue): readonly FilterValue[] | undefined {
  if (Array.isArray(value)) return value as readonly FilterValue[];
  return value instanceof FilterCollection && value.shape === 'tuple' ? value.items : undefined;
}

function compareTexts(a: string, b: string, fuel: Fuel): number {
  const length = Math.min(a.length, b.length);
  burn(fuel, length >> 4);
  for (let at = 0; at < length; at += 1) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return codePointRank(left) - codePointRank(right);
  }
  return a.length - b.length;
}

/** UTF-16 puts the characters beyond U+FFFF, written as surrogates, before U+E000; by code point they come last. */
function codePointRank(unit: number): number {
  return unit >= 0xd8_00 && unit < 0xe0_00 ? unit + 0x1_00_00 : unit;
}

/** Longer texts are not looked for: the product of both lengths could stop the event loop. */
const maxNeedle = 256;

/** Python's `in`: a part of a text, an item of a list, a key of a map. */
export function contains(container: FilterValue, item: FilterValue, fuel: Fuel): boolean {
  if (typeof container === 'string') {
    if (typeof item !== 'string') throw new FilterEvaluationError(`only a text can be in a text, got ${describe(item)}`);
    if (item.length > maxNeedle) {
      if (item.length >= container.length) return item === container;
      throw new FilterEvaluationError(`a text of more than ${maxNeedle} characters is not searched for`);
    }
    burn(fuel, container.length >> 4);
    return container.includes(item);
  }
  if (container instanceof FilterCollection) return container.items.some((other) => sameValue(item, other, fuel));
  if (Array.isArray(container)) return (container as readonly FilterValue[]).some((other) => sameValue(item, other, fuel));
  if (isMap(container)) {
    if (typeof item === 'object' && item !== null) throw new FilterEvaluationError(`${describe(item)} can not be a key of a map`);
    return typeof item === 'string' && Object.hasOwn(container, item);
  }
  throw new FilterEvaluationError(`nothing can be in ${describe(container)}`);
}

/** The kind of a value, for messages; never the value: payloads are private. */
export function describe(value: FilterValue): string {
  if (value === null) return 'None';
  if (value instanceof FilterCollection) return `a ${value.shape}`;
  if (Array.isArray(value)) return 'a list';
  const kinds: Readonly<Record<string, string>> = { string: 'a text', number: 'a number', boolean: 'a boolean', object: 'a map' };
  return kinds[typeof value] ?? 'a value';
}
