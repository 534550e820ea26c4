import { nearestName } from '@cortex-runtime/core';

import { FilterSyntaxError } from '../errors.ts';
import { filterBounds, filterFunctions, filterMethods, type ComparisonOperator, type FilterFunction, type FilterMethod, type FilterNode } from './filter-syntax.ts';
import { tokenize, type FilterToken } from './tokenize.ts';

const reserved = new Set(['and', 'or', 'not', 'in', 'is', 'if', 'else', 'for', 'lambda', 'await', 'async', 'yield', 'import', 'from', 'class', 'def', 'return', 'while', 'with', 'as', 'del', 'global', 'nonlocal', 'pass', 'raise', 'try', 'except', 'finally', 'assert', 'break', 'continue', 'elif']);
const argumentCounts: Readonly<Record<FilterFunction, number>> = { len: 1, str: 1, int: 1, float: 1, bool: 1, lower: 1, upper: 1, startswith: 2, endswith: 2, contains: 2 };
const methodArguments: Readonly<Record<FilterMethod, readonly [number, number]>> = { lower: [0, 0], upper: [0, 0], strip: [0, 1], startswith: [1, 1], endswith: [1, 1] };

/**
 * Recursive descent over the grammar, in the order of Python's precedence: or, and, not, comparison, minus, lookups.
 *
 * @throws FilterSyntaxError
 */
export function parseFilterSyntax(source: string): FilterNode {
  if (source.length > filterBounds.maxCharacters) throw new FilterSyntaxError(filterBounds.maxCharacters + 1, `has ${source.length} characters; at most ${filterBounds.maxCharacters} are allowed`);
  const parser = new FilterParser(tokenize(source));
  return parser.parse();
}

class FilterParser {
  readonly #tokens: readonly FilterToken[];
  #at = 0;
  #nodes = 0;
  #depth = 0;

  constructor(tokens: readonly FilterToken[]) {
    this.#tokens = tokens;
  }

  parse(): FilterNode {
    const node = this.#or();
    if (this.#token.kind !== 'end') this.#refuse('an operator or the end');
    return node;
  }

  get #token(): FilterToken {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', column: 1 };
  }

  #is(text: string): boolean {
    return (this.#token.kind === 'sign' || this.#token.kind === 'name') && this.#token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at += 1;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#refuse(JSON.stringify(text));
  }

  #refuse(expected: string): never {
    const { kind, text, column } = this.#token;
    const found = kind === 'end' ? 'the end' : kind === 'text' ? 'a text' : JSON.stringify(text);
    throw new FilterSyntaxError(column, `expected ${expected}, found ${found}${kind === 'name' && reserved.has(text) ? ', which the filter language does not have here' : ''}`);
  }

  #node<N extends FilterNode>(node: N): N {
    this.#nodes += 1;
    if (this.#nodes > filterBounds.maxNodes) throw new FilterSyntaxError(this.#token.column, `has more than ${filterBounds.maxNodes} parts; split it, or decide in the agent`);
    return node;
  }

  #nested<T>(parse: () => T): T {
    this.#depth += 1;
    if (this.#depth > filterBounds.maxDepth) throw new FilterSyntaxError(this.#token.column, `is nested more than ${filterBounds.maxDepth} levels deep`);
    const result = parse();
    this.#depth -= 1;
    return result;
  }

  #or(): FilterNode {
    return this.#nested(() => this.#chain('or', () => this.#chain('and', () => this.#not())));
  }

  #chain(kind: 'and' | 'or', operand: () => FilterNode): FilterNode {
    const first = operand();
    if (!this.#is(kind)) return first;
    const operands = [first];
    while (this.#take(kind)) operands.push(operand());
    return this.#node({ kind, operands });
  }

  #not(): FilterNode {
    if (!this.#take('not')) return this.#comparison();
    return this.#nested(() => this.#node({ kind: 'not', operand: this.#not() }));
  }

  #comparison(): FilterNode {
    const first = this.#minus();
    const rest: { operator: ComparisonOperator; operand: FilterNode }[] = [];
    for (let operator = this.#operator(); operator !== undefined; operator = this.#operator()) {
      const column = this.#token.column;
      const operand = this.#minus();
      if ((operator === 'is' || operator === 'is not') && !(operand.kind === 'literal' && (operand.value === null || typeof operand.value === 'boolean'))) {
        throw new FilterSyntaxError(column, `expected None, True or False after ${JSON.stringify(operator)}; use == to compare values`);
      }
      rest.push({ operator, operand });
    }
    return rest.length === 0 ? first : this.#node({ kind: 'comparison', first, rest });
  }

  #operator(): ComparisonOperator | undefined {
    for (const sign of ['==', '!=', '<=', '>=', '<', '>'] as const) if (this.#token.kind === 'sign' && this.#take(sign)) return sign;
    if (this.#token.kind !== 'name') return undefined;
    if (this.#take('in')) return 'in';
    if (this.#take('is')) return this.#take('not') ? 'is not' : 'is';
    if (!this.#is('not')) return undefined;
    this.#at += 1;
    this.#expect('in');
    return 'not in';
  }

  #minus(): FilterNode {
    if (!this.#take('-')) return this.#lookups();
    return this.#nested(() => this.#node({ kind: 'negative', operand: this.#minus() }));
  }

  #lookups(): FilterNode {
    let node = this.#primary();
    for (let depth = 0; ; depth += 1) {
      if (depth >= filterBounds.maxDepth && (this.#is('.') || this.#is('['))) throw new FilterSyntaxError(this.#token.column, `looks up more than ${filterBounds.maxDepth} levels`);
      if (this.#token.kind !== 'sign') return node;
      if (this.#take('.')) node = this.#attribute(node);
      else if (this.#take('[')) {
        const target = node;
        const index = this.#or();
        this.#expect(']');
        node = this.#node({ kind: 'index', target, index });
      } else return node;
    }
  }

  #attribute(target: FilterNode): FilterNode {
    const { kind, text: name, column } = this.#token;
    if (kind !== 'name') this.#refuse('a name after the dot');
    if (name.startsWith('_')) throw new FilterSyntaxError(column, `${JSON.stringify(name)} begins with an underscore, which is refused`);
    if (reserved.has(name)) this.#refuse('a name after the dot');
    this.#at += 1;
    if (!this.#is('(')) return this.#node({ kind: 'attribute', target, name });
    const method = filterMethods.find((known) => known === name);
    if (method === undefined) throw new FilterSyntaxError(column, `there is no method ${name}; the methods of a text are ${filterMethods.join(', ')}`);
    const given = this.#arguments();
    const [least, most] = methodArguments[method];
    if (given.length < least || given.length > most) throw new FilterSyntaxError(column, `${method} takes ${least === most ? least : `${least} or ${most}`} arguments, got ${given.length}`);
    return this.#node({ kind: 'method', target, method, arguments: given });
  }

  #primary(): FilterNode {
    const { kind, text, column } = this.#token;
    if (kind === 'text') {
      this.#at += 1;
      if (this.#token.kind === 'text') this.#refuse('an operator between two texts');
      return this.#node({ kind: 'literal', value: text });
    }
    if (kind === 'number') return this.#number(text, column);
    if (kind === 'name') return this.#name(text, column);
    if (this.#take('(')) return this.#parenthesised();
    if (this.#take('[')) return this.#node({ kind: 'collection', shape: 'list', items: this.#items(']') });
    if (this.#take('{')) {
      const items = this.#items('}');
      if (items.length === 0) throw new FilterSyntaxError(column, 'expected the items of a set; maps can not be written');
      return this.#node({ kind: 'collection', shape: 'set', items });
    }
    return this.#refuse('a value');
  }

  #number(text: string, column: number): FilterNode {
    this.#at += 1;
    const value = Number(text);
    const isInteger = !/[.eE]/.test(text);
    if (!Number.isFinite(value) || (isInteger && !Number.isSafeInteger(value))) throw new FilterSyntaxError(column, `the number ${text} can not be held exactly`);
    if (isInteger && text.length > 1 && text.startsWith('0') && value !== 0) throw new FilterSyntaxError(column, `a number does not begin with 0: ${text}`);
    return this.#node({ kind: 'literal', value });
  }

  #name(text: string, column: number): FilterNode {
    if (text.startsWith('_')) throw new FilterSyntaxError(column, `${JSON.stringify(text)} begins with an underscore, which is refused`);
    if (reserved.has(text)) this.#refuse('a value');
    this.#at += 1;
    if (text === 'True' || text === 'False') return this.#node({ kind: 'literal', value: text === 'True' });
    if (text === 'None') return this.#node({ kind: 'literal', value: null });
    if (!this.#is('(')) return this.#node({ kind: 'name', name: text });
    const known = filterFunctions.find((candidate) => candidate === text);
    if (known === undefined) {
      const near = nearestName(text, filterFunctions);
      throw new FilterSyntaxError(column, `there is no function ${text}; ${near === undefined ? `the functions are ${filterFunctions.join(', ')}` : `did you mean ${near}?`}`);
    }
    const given = this.#arguments();
    if (given.length !== argumentCounts[known]) throw new FilterSyntaxError(column, `${known} takes ${argumentCounts[known]} arguments, got ${given.length}`);
    return this.#node({ kind: 'call', function: known, arguments: given });
  }

  #arguments(): FilterNode[] {
    this.#expect('(');
    return this.#items(')');
  }

  #items(close: string): FilterNode[] {
    const items: FilterNode[] = [];
    while (!this.#take(close)) {
      items.push(this.#or());
      if (!this.#take(',') && !this.#is(close)) this.#refuse(`"," or ${JSON.stringify(close)}`);
    }
    return items;
  }

  #parenthesised(): FilterNode {
    if (this.#take(')')) return this.#node({ kind: 'collection', shape: 'tuple', items: [] });
    const first = this.#or();
    if (this.#take(')')) return first;
    if (!this.#take(',')) this.#refuse('")" or ","');
    return this.#node({ kind: 'collection', shape: 'tuple', items: [first, ...this.#items(')')] });
  }
}
