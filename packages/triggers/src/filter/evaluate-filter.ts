import type { TriggerEvent } from '../trigger-event.ts';
import type { FilterFunction, FilterMethod, FilterNode } from './filter-syntax.ts';
import { burn, compareOrder, contains, describe, FilterCollection, FilterEvaluationError, isMap, isTrue, sameValue, sizeOf, type FilterValue, type Fuel } from './filter-values.ts';

/** Work that one evaluation may do, in values looked at and, for texts, in blocks of 16 characters. A few milliseconds. */
const maxWork = 400_000;

/**
 * What the expression comes to for an event, by Python's rules.
 *
 * @throws FilterEvaluationError where Python would raise, or when the work exceeds its bound
 */
export function evaluateFilter(node: FilterNode, event: TriggerEvent): boolean {
  const fuel: Fuel = { left: maxWork, sizes: new WeakMap() };
  return isTrue(new Evaluation(event, fuel).valueOf(node), fuel);
}

class Evaluation {
  readonly #event: TriggerEvent;
  readonly #fuel: Fuel;

  constructor(event: TriggerEvent, fuel: Fuel) {
    this.#event = event;
    this.#fuel = fuel;
  }

  valueOf(node: FilterNode): FilterValue {
    switch (node.kind) {
      case 'literal':
        return node.value;
      case 'name':
        return this.#named(node.name);
      case 'collection': {
        const items = node.items.map((item) => this.valueOf(item));
        return node.shape === 'list' ? (items as FilterValue) : new FilterCollection(node.shape, items);
      }
      case 'attribute':
        return lookUp(this.valueOf(node.target), node.name);
      case 'index':
        return lookUp(this.valueOf(node.target), this.valueOf(node.index));
      case 'call':
        return this.#call(node.function, node.arguments.map((argument) => this.valueOf(argument)));
      case 'method':
        return this.#method(node.method, this.valueOf(node.target), node.arguments.map((argument) => this.valueOf(argument)));
      case 'negative': {
        const value = this.valueOf(node.operand);
        if (typeof value === 'number') return value === 0 ? 0 : -value;
        if (typeof value === 'boolean') return value ? -1 : 0;
        throw new FilterEvaluationError(`minus takes a number, got ${describe(value)}`);
      }
      case 'not':
        return !isTrue(this.valueOf(node.operand), this.#fuel);
      case 'and':
      case 'or': {
        let value: FilterValue = null;
        for (const operand of node.operands) {
          value = this.valueOf(operand);
          if (isTrue(value, this.#fuel) === (node.kind === 'or')) return value;
        }
        return value;
      }
      case 'comparison': {
        let left = this.valueOf(node.first);
        for (const { operator, operand } of node.rest) {
          const right = this.valueOf(operand);
          if (!this.#holds(operator, left, right)) return false;
          left = right;
        }
        return true;
      }
    }
  }

  #holds(operator: string, left: FilterValue, right: FilterValue): boolean {
    switch (operator) {
      case '==':
        return sameValue(left, right, this.#fuel);
      case '!=':
        return !sameValue(left, right, this.#fuel);
      case 'is':
        return left === right;
      case 'is not':
        return left !== right;
      case 'in':
        return contains(right, left, this.#fuel);
      case 'not in':
        return !contains(right, left, this.#fuel);
      default: {
        const order = compareOrder(left, right, this.#fuel);
        return operator === '<' ? order < 0 : operator === '<=' ? order <= 0 : operator === '>' ? order > 0 : order >= 0;
      }
    }
  }

  #named(name: string): FilterValue {
    const { payload, metadata, triggerType, triggerId, eventId } = this.#event;
    switch (name) {
      case 'payload':
        return payload;
      case 'metadata':
        return metadata;
      case 'trigger_type':
        return triggerType;
      case 'trigger_id':
        return triggerId;
      case 'event_id':
        return eventId;
      default:
        return isMap(payload) ? lookUp(payload, name) : null;
    }
  }

  #call(name: FilterFunction, given: readonly FilterValue[]): FilterValue {
    const [first = null, second = null] = given;
    switch (name) {
      case 'len':
        return lengthOf(first, this.#fuel);
      case 'str':
        return textOf(first);
      case 'int':
      case 'float':
        return numberOf(name, first);
      case 'bool':
        return isTrue(first, this.#fuel);
      case 'contains':
        return contains(first, second, this.#fuel);
      default:
        return this.#method(name, first, given.slice(1));
    }
  }

  #method(name: FilterMethod, target: FilterValue, given: readonly FilterValue[]): FilterValue {
    if (typeof target !== 'string') throw new FilterEvaluationError(`${name} takes a text, got ${describe(target)}`);
    const argument = given[0];
    burn(this.#fuel, name === 'strip' && argument !== undefined ? target.length >> 1 : target.length >> 4);
    switch (name) {
      case 'lower':
        return target.toLowerCase();
      case 'upper':
        return target.toUpperCase();
      case 'strip':
        return strip(target, argument);
      case 'startswith':
      case 'endswith': {
        const options = argument instanceof FilterCollection && argument.shape === 'tuple' ? argument.items : [argument ?? null];
        return options.some((option) => {
          if (typeof option !== 'string') throw new FilterEvaluationError(`${name} looks for a text, got ${describe(option)}`);
          return name === 'startswith' ? target.startsWith(option) : target.endsWith(option);
        });
      }
    }
  }
}

/** What stands under a key or a position; None when nothing does. Own properties only: no prototype is ever reached. */
function lookUp(target: FilterValue, key: FilterValue): FilterValue {
  if (Array.isArray(target) || typeof target === 'string' || (target instanceof FilterCollection && target.shape === 'tuple')) {
    if (typeof key !== 'number' || !Number.isInteger(key)) return null;
    const items = target instanceof FilterCollection ? target.items : (target as string | readonly FilterValue[]);
    return items[key < 0 ? items.length + key : key] ?? null;
  }
  if (typeof key !== 'string' || !isMap(target) || !Object.hasOwn(target, key)) return null;
  return (target[key] as FilterValue | undefined) ?? null;
}

function lengthOf(value: FilterValue, fuel: Fuel): number {
  if (typeof value === 'string') {
    burn(fuel, value.length >> 4);
    let pairs = 0;
    for (let at = 0; at < value.length - 1; at += 1) if (isHigh(value.charCodeAt(at)) && isLow(value.charCodeAt(at + 1))) pairs += 1;
    return value.length - pairs;
  }
  if (value instanceof FilterCollection) return value.items.length;
  if (Array.isArray(value)) return value.length;
  if (isMap(value)) return sizeOf(value, fuel);
  throw new FilterEvaluationError(`len takes a text, a list or a map, got ${describe(value)}`);
}

function isHigh(unit: number): boolean {
  return unit >= 0xd8_00 && unit < 0xdc_00;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc_00 && unit < 0xe0_00;
}

function textOf(value: FilterValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number' || typeof value === 'string') return String(value);
  throw new FilterEvaluationError(`str takes a text, a number, a boolean or None, got ${describe(value)}`);
}

function numberOf(name: 'int' | 'float', value: FilterValue): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number') return name === 'int' ? Math.trunc(value) + 0 : value;
  if (typeof value !== 'string') throw new FilterEvaluationError(`${name} takes a number or a text, got ${describe(value)}`);
  if (value.length > 64) throw new FilterEvaluationError(`${name} takes texts of at most 64 characters, got ${value.length}`);
  const text = value.trim();
  const pattern = name === 'int' ? /^[+-]?\d+$/ : /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
  const number = Number(text);
  if (!pattern.test(text) || !Number.isFinite(number)) throw new FilterEvaluationError(`${name} can not read this text as a number`);
  if (name === 'int' && !Number.isSafeInteger(number)) throw new FilterEvaluationError('int can not hold this number exactly');
  return number + 0;
}

function strip(text: string, characters: FilterValue | undefined): string {
  if (characters === undefined || characters === null) return text.trim();
  if (typeof characters !== 'string') throw new FilterEvaluationError(`strip takes a text, got ${describe(characters)}`);
  const wanted = new Set(characters);
  let start = 0;
  let end = text.length;
  while (start < end && wanted.has(text.charAt(start))) start += 1;
  while (end > start && wanted.has(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
